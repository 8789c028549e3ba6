---@meta connectparticipant.types
-- What editors show: the types of everything that users touch. Nothing here runs.

---@alias connectparticipant.Kind
---| "validation" parameters that AWS's model forbids; all violations in one message
---| "configuration" an option, variable or file, which the message names
---| "service" an exception of the service; `code` is its name
---| "storage" an answer of the object store; `code` is S3's
---| "transport" the connection; `code` is libcurl's name, such as COULDNT_CONNECT
---| "timeout" timeout, stall_timeout or connect_timeout; retryable unless the whole time is over
---| "protocol" an answer that breaks HTTP or AWS's model
---| "source" the caller's file or function that provides the bytes
---| "sink" the caller's file or function that takes them
---| "cancelled" on_progress returned false, the job was cancelled, or the client closed
---| "raised" a function of the caller's, inside `map` or a started job

---@class connectparticipant.Error prints as one line and joins to strings; holds no token and no
--- query of a presigned URL
---@field kind connectparticipant.Kind
---@field code string AWS's, the store's, libcurl's or the system's own name for it
---@field message string the service's own text, where it is the service that refuses
---@field hint? string what to do about it, if there is advice
---@field operation? string AWS's name, such as "StartAttachmentUpload"
---@field step? "start"|"put"|"complete"|"get" of an upload or download
---@field status? integer the HTTP status
---@field request_id? string
---@field retryable boolean whether the same call may succeed later
---@field throttled boolean whether it was refused for being too fast
---@field attempts? integer how many requests were sent
---@field retry_after? number seconds that the server asked to wait
---@field attachment_id? string if it is known
---@field outcome? "unknown" if the service may have carried out the call although it failed
---@field option? string for kind `configuration`: the option that is wrong
---@field cause? any for kind `raised`: what was raised
---@field traceback? string for kind `raised`: where it was raised

---@class connectparticipant.ResponseMetadata
---@field RequestId? string
---@field HTTPStatusCode integer
---@field RetryAttempts integer 0 if the first attempt succeeded

---@class connectparticipant.Event what `logger` gets for every attempt; redacted
---@field operation string AWS's name
---@field step? "start"|"put"|"complete"|"get" of an upload or download
---@field attempt integer 1 for the first one
---@field status? integer the HTTP status
---@field kind? connectparticipant.Kind the error's, if it failed
---@field code? string the error's, if it failed
---@field seconds number that the attempt took
---@field bytes_sent integer of the request's body
---@field bytes_received integer of the answer's body
---@field reused boolean whether the connection had been used before
---@field request_id? string
---@field waited? number seconds that the attempt waited for its turn: see doc/retries.md
---@field delay? number seconds until the next attempt; nil if there is none

---@class connectparticipant.PaceEvent what `logger` gets when a fleet's pace is no longer shared, and
--- when it is shared again
---@field operation string AWS's name of the operation that was to be sent
---@field pace "alone"|"shared"
---@field clients integer how many share the rate
---@field message string

---@class connectparticipant.Options all are optional; what follows the semicolon holds when one is not given
---@field region? string AWS_REGION, AWS_DEFAULT_REGION, the profile's region
---@field endpoint? string a URL instead of the region's, http only to loopback; AWS_ENDPOINT_URL_CONNECTPARTICIPANT, AWS_ENDPOINT_URL, the profile's
---@field profile? string of AWS's shared config and credentials files, which are read for settings, never for keys; AWS_PROFILE, `default`
---@field use_fips? boolean AWS_USE_FIPS_ENDPOINT, the profile's use_fips_endpoint, false
---@field use_dualstack? boolean AWS_USE_DUALSTACK_ENDPOINT, the profile's use_dualstack_endpoint, false
---@field max_attempts? integer of one request in all, at least 1; AWS_MAX_ATTEMPTS, the profile's max_attempts, 3
---@field retry_mode? "standard"|"adaptive"|"legacy" "adaptive" also keeps a learned pace between calls; AWS_RETRY_MODE, the profile's retry_mode, "standard"
---@field connect_timeout? number seconds in which a connection must be established; 10
---@field timeout? number seconds for a whole call, with all attempts and waits; none
---@field stall_timeout? number seconds in which at least one byte must move; 30
---@field ca_file? string a PEM bundle; AWS_CA_BUNDLE, the profile's ca_bundle, libcurl's own
---@field proxy? string a URL, or "" for none; never used for loopback; the environment's, as libcurl reads it
---@field app_id? string the last part of the User-Agent; AWS_SDK_UA_APP_ID, the profile's sdk_ua_app_id
---@field driver? "blocking"|"ngx"|connectparticipant.Driver how to wait; "ngx" in nginx, "blocking" elsewhere
---@field logger? fun(event: connectparticipant.Event|connectparticipant.PaceEvent) what it raises is passed on to the caller; none
---@field allow_insecure? boolean allows http to hosts other than loopback; false
---@field pace? connectparticipant.PaceOptions with whom this client shares one pace and retry quota; none
---@field shared_dict? string short for `pace = { shared_dict = NAME }`
---@field metrics? string the nginx dictionary in which all workers count; none: each worker counts for itself

---@class connectparticipant.PaceOptions
---@field shared_dict? string the nginx dictionary in which all workers keep them
---@field redis? string a URL, redis://[[user]:password@]host[:port][/db], rediss://… or unix:/path, of
--- the server on which a fleet keeps them
---@field eval? fun(script: string, keys: string[], args: string[]): string|nil, any runs a script on such
--- a server through a client of your own; may yield
---@field instance? string a name for the Amazon Connect instance, which AWS's limits belong to; the endpoint
---@field rates? table<string, number> requests a second by operation, with redis or eval, if the
--- instance's limits differ from those that AWS documents
---@field timeout? number seconds that redis may take to answer, connecting included; 0.05, and one
--- second for a client's first question

---@class connectparticipant.MapOptions all are optional; what follows the semicolon holds when one
--- is not given
---@field concurrency? integer how many items at once; 8
---@field timeout? number seconds for all of them
---@field on_result? fun(index: integer, result: any, err: any) called as each item is finished

---@class connectparticipant.Driver how a host waits
---@field wait fun(engine: connectparticipant.Engine, seconds: number) returns when the engine can go
--- on, and after `seconds` at the latest; may yield
---@field sleep fun(seconds: number) may yield

---@class connectparticipant.Engine what a driver waits for; `cqueues.poll` takes it as it is
---@field wait fun(engine, seconds: number) blocks until it can go on, at most so long
---@field pollfd fun(engine): integer|nil a descriptor, readable when the engine can go on; nil where the system has none: go by `timeout`
---@field events fun(engine): string "r"
---@field timeout fun(engine): number|nil seconds after which it must go on in any case

---@class connectparticipant.UploadAttachmentParams exactly one of path, body, file and read is required
---@field ConnectionToken string 1 to 1000 characters
---@field path? string the path of a regular file
---@field body? string
---@field file? file* an open handle, read from its current position; never closed
---@field read? fun(): string|nil, any returns the next chunk, "" when it has none yet, nil at the end
---@field AttachmentSizeInBytes? integer required with `read`; otherwise the source's own size, which it must match
---@field AttachmentName? string 1 to 256 characters; required with body, file and read; otherwise the last part of the path
---@field ContentType? string 1 to 255 characters; otherwise what the name suggests
---@field ClientToken? string 1 to 500 characters; a UUID when absent
---@field on_progress? fun(sent: integer, total: integer): boolean|nil called at least once a second;
--- false cancels
---@field wait? boolean waits until the scan has approved it
---@field timeout? number seconds for the whole call

---@class connectparticipant.UploadedAttachment
---@field AttachmentId string
---@field AttachmentName string
---@field ContentType string
---@field AttachmentSizeInBytes integer
---@field Status? string after `wait`: "APPROVED"

---@class connectparticipant.DownloadAttachmentParams at most one of path, file and write
---@field ConnectionToken string 1 to 1000 characters
---@field AttachmentId string 1 to 256 characters
---@field UrlExpiryInSeconds? integer 5 to 300
---@field path? string written aside, synced and renamed into place
---@field file? file* an open handle; what was in it stays
---@field write? fun(chunk: string): boolean|nil, any false cancels; nil and a message is an error
---@field on_start? fun(start: connectparticipant.DownloadStart): boolean|nil before the first byte;
--- false cancels
---@field on_progress? fun(received: integer, total: integer): boolean|nil called at least once a
--- second; total is 0 until it is known; false cancels
---@field timeout? number seconds for the whole call

---@class connectparticipant.DownloadStart what is known before the first byte
---@field AttachmentSizeInBytes integer
---@field ContentType string
---@field ContentDisposition? string the store's, which names the file
---@field ETag? string

---@class connectparticipant.DownloadedAttachment
---@field AttachmentSizeInBytes integer
---@field ContentType string
---@field path? string as given
---@field body? string if there was no sink. A Lua string can only be made in one piece: copying 95 MiB
--- held up a slow machine (in nginx, its worker) for 0.4 s; use `path` or `write` where that matters

---@class connectparticipant.WaitForAttachmentParams
---@field ConnectionToken string 1 to 1000 characters
---@field AttachmentId string 1 to 256 characters
---@field timeout? number seconds; 240 unless given, or the client's if that is shorter

---@class connectparticipant.GatewayRequest what the gateway passes to your functions
---@field what "upload"|"download"
---@field token? string the ConnectionToken: a secret
---@field name? string of the file; nil for a form before its files are known, and for a download
---@field type? string of the file
---@field size? integer bytes, if known
---@field field? string the name of the form field
---@field id? string the AttachmentId of a download

---@class connectparticipant.UploadGatewayOptions
---@field token? fun(ngx: table): string|nil else X-Connection-Token, then Authorization: Bearer
---@field name? fun(ngx: table): string|nil else X-File-Name, then Content-Disposition
---@field max_size? number bytes of a file
---@field max_files? integer of a form; 10
---@field types? string[] that are allowed, as "image/*"; all
---@field authorize? fun(request: connectparticipant.GatewayRequest): boolean|nil, string|nil false
--- and a message refuse
---@field on_result? fun(result: table|nil, err: connectparticipant.Error|nil, request: connectparticipant.GatewayRequest)
---@field cors? { origins: string[]|"*" } whose pages may use it
---@field wait? number seconds that the scan is waited for; not at all without
---@field timeout? number seconds for the whole upload
---@field body_timeout? number seconds in which a byte of the body must come; 20

---@class connectparticipant.DownloadGatewayOptions
---@field token? fun(ngx: table): string|nil else X-Connection-Token, then Authorization: Bearer
---@field id? fun(ngx: table): string|nil else the argument `id`
---@field authorize? fun(request: connectparticipant.GatewayRequest): boolean|nil, string|nil false
--- and a message refuse
---@field on_result? fun(result: table|nil, err: connectparticipant.Error|nil, request: connectparticipant.GatewayRequest)
---@field cors? { origins: string[]|"*" } whose pages may use it
---@field timeout? number seconds for the whole download
---@field inline? string[] types that a browser may show instead of saving; none

---@class connectparticipant.GatewayAnswer
---@field status integer
---@field body? table sent as JSON
---@field headers? table<string, string>

---@class connectparticipant.GatewayRefusal
---@field status integer
---@field err connectparticipant.Error

---@class connectparticipant.StartedJob what `client:start` returns
---@field wait fun(job, seconds?: number): boolean, any, any returns done, result, err; done is
--- false when the seconds are over first
---@field cancel fun(job)
---@field progress fun(job): integer|nil, integer|nil bytes moved, and in total
---@field is_done fun(job): boolean

-- What follows is made from the model, by `make types`.

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_StartAttachmentUpload.html
---@class connectparticipant.StartAttachmentUploadParams
---@field ConnectionToken string 1 to 1000 characters
---@field AttachmentName string 1 to 256 characters
---@field AttachmentSizeInBytes integer at least 1
---@field ClientToken? string a UUID when absent; 1 to 500 characters
---@field ContentType string 1 to 255 characters
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.UploadMetadata
---@field Url? string
---@field UrlExpiry? string
---@field HeadersToInclude? table<string, string>

---@class connectparticipant.StartAttachmentUploadResult
---@field AttachmentId? string
---@field UploadMetadata? connectparticipant.UploadMetadata
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_CompleteAttachmentUpload.html
---@class connectparticipant.CompleteAttachmentUploadParams
---@field ConnectionToken string 1 to 1000 characters
---@field AttachmentIds (string)[] exactly 1
---@field ClientToken? string a UUID when absent; 1 to 500 characters
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.CompleteAttachmentUploadResult
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_GetAttachment.html
---@class connectparticipant.GetAttachmentParams
---@field ConnectionToken string 1 to 1000 characters
---@field AttachmentId string 1 to 256 characters
---@field UrlExpiryInSeconds? integer 5 to 300
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.GetAttachmentResult
---@field Url? string
---@field UrlExpiry? string
---@field AttachmentSizeInBytes? integer
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_CreateParticipantConnection.html
---@class connectparticipant.CreateParticipantConnectionParams
---@field ParticipantToken string 1 to 1000 characters
---@field Type? ("WEBSOCKET"|"CONNECTION_CREDENTIALS"|"WEBRTC_CONNECTION")[] at least 1 entries
---@field ConnectParticipant? boolean
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.Websocket
---@field Url? string
---@field ConnectionExpiry? string

---@class connectparticipant.ConnectionCredentials
---@field ConnectionToken? string
---@field Expiry? string

---@class connectparticipant.Attendee
---@field AttendeeId? string
---@field JoinToken? string

---@class connectparticipant.MediaPlacement
---@field AudioHostUrl? string
---@field AudioFallbackUrl? string
---@field SignalingUrl? string
---@field EventIngestionUrl? string

---@class connectparticipant.Audio
---@field EchoReduction? string

---@class connectparticipant.MeetingFeatures
---@field Audio? connectparticipant.Audio

---@class connectparticipant.Meeting
---@field MediaPlacement? connectparticipant.MediaPlacement
---@field MeetingFeatures? connectparticipant.MeetingFeatures
---@field MeetingId? string

---@class connectparticipant.WebRTCConnection
---@field Attendee? connectparticipant.Attendee
---@field Meeting? connectparticipant.Meeting

---@class connectparticipant.CreateParticipantConnectionResult
---@field Websocket? connectparticipant.Websocket
---@field ConnectionCredentials? connectparticipant.ConnectionCredentials
---@field WebRTCConnection? connectparticipant.WebRTCConnection
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_DisconnectParticipant.html
---@class connectparticipant.DisconnectParticipantParams
---@field ConnectionToken string 1 to 1000 characters
---@field ClientToken? string a UUID when absent; 0 to 500 characters
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.DisconnectParticipantResult
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_SendMessage.html
---@class connectparticipant.SendMessageParams
---@field ConnectionToken string 1 to 1000 characters
---@field ContentType string 1 to 100 characters
---@field Content string 1 to 16384 characters
---@field ClientToken? string a UUID when absent; 0 to 500 characters
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.MessageMetadata
---@field MessageProcessingStatus? string

---@class connectparticipant.SendMessageResult
---@field Id? string
---@field AbsoluteTime? string
---@field MessageMetadata? connectparticipant.MessageMetadata
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_SendEvent.html
---@class connectparticipant.SendEventParams
---@field ConnectionToken string 1 to 1000 characters
---@field ContentType string 1 to 100 characters
---@field Content? string 1 to 16384 characters
---@field ClientToken? string a UUID when absent; 0 to 500 characters
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.SendEventResult
---@field Id? string
---@field AbsoluteTime? string
---@field ResponseMetadata connectparticipant.ResponseMetadata

---@class connectparticipant.StartPosition
---@field Id? string 1 to 256 characters
---@field AbsoluteTime? string 1 to 100 characters
---@field MostRecent? integer 0 to 100

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_GetTranscript.html
---@class connectparticipant.GetTranscriptParams
---@field ConnectionToken string 1 to 1000 characters
---@field ContactId? string 1 to 256 characters
---@field MaxResults? integer 0 to 100
---@field NextToken? string 1 to 1000 characters
---@field ScanDirection? "FORWARD"|"BACKWARD"
---@field SortOrder? "DESCENDING"|"ASCENDING"
---@field StartPosition? connectparticipant.StartPosition
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.AttachmentsItem
---@field ContentType? string
---@field AttachmentId? string
---@field AttachmentName? string
---@field Status? string

---@class connectparticipant.ReceiptsItem
---@field DeliveredTimestamp? string
---@field ReadTimestamp? string
---@field RecipientParticipantId? string

---@class connectparticipant.GetTranscriptMessageMetadata
---@field MessageId? string
---@field Receipts? connectparticipant.ReceiptsItem[]
---@field MessageProcessingStatus? string

---@class connectparticipant.TranscriptItem
---@field AbsoluteTime? string
---@field Content? string
---@field ContentType? string
---@field Id? string
---@field Type? string
---@field ParticipantId? string
---@field DisplayName? string
---@field ParticipantRole? string
---@field Attachments? connectparticipant.AttachmentsItem[]
---@field MessageMetadata? connectparticipant.GetTranscriptMessageMetadata
---@field RelatedContactId? string
---@field ContactId? string

---@class connectparticipant.GetTranscriptResult
---@field InitialContactId? string
---@field Transcript? connectparticipant.TranscriptItem[]
---@field NextToken? string
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_DescribeView.html
---@class connectparticipant.DescribeViewParams
---@field ConnectionToken string 1 to 1000 characters
---@field ViewToken string 1 to 1000 characters
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.Content
---@field InputSchema? string
---@field Template? string
---@field Actions? (string)[]

---@class connectparticipant.View
---@field Id? string
---@field Arn? string
---@field Name? string
---@field Version? integer
---@field Content? connectparticipant.Content

---@class connectparticipant.DescribeViewResult
---@field View? connectparticipant.View
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_GetAuthenticationUrl.html
---@class connectparticipant.GetAuthenticationUrlParams
---@field ConnectionToken string 1 to 1000 characters
---@field SessionId string exactly 36 characters
---@field RedirectUri string 1 to 1024 characters
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.GetAuthenticationUrlResult
---@field AuthenticationUrl? string
---@field ResponseMetadata connectparticipant.ResponseMetadata

--- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_CancelParticipantAuthentication.html
---@class connectparticipant.CancelParticipantAuthenticationParams
---@field ConnectionToken string 1 to 1000 characters
---@field SessionId string exactly 36 characters
---@field timeout? number seconds for the whole call, all attempts and waits

---@class connectparticipant.CancelParticipantAuthenticationResult
---@field ResponseMetadata connectparticipant.ResponseMetadata

---@class connectparticipant.Client
---@field start_attachment_upload fun(self: connectparticipant.Client, params: connectparticipant.StartAttachmentUploadParams): connectparticipant.StartAttachmentUploadResult|nil, connectparticipant.Error|nil
---@field complete_attachment_upload fun(self: connectparticipant.Client, params: connectparticipant.CompleteAttachmentUploadParams): connectparticipant.CompleteAttachmentUploadResult|nil, connectparticipant.Error|nil
---@field get_attachment fun(self: connectparticipant.Client, params: connectparticipant.GetAttachmentParams): connectparticipant.GetAttachmentResult|nil, connectparticipant.Error|nil
---@field create_participant_connection fun(self: connectparticipant.Client, params: connectparticipant.CreateParticipantConnectionParams): connectparticipant.CreateParticipantConnectionResult|nil, connectparticipant.Error|nil
---@field disconnect_participant fun(self: connectparticipant.Client, params: connectparticipant.DisconnectParticipantParams): connectparticipant.DisconnectParticipantResult|nil, connectparticipant.Error|nil
---@field send_message fun(self: connectparticipant.Client, params: connectparticipant.SendMessageParams): connectparticipant.SendMessageResult|nil, connectparticipant.Error|nil
---@field send_event fun(self: connectparticipant.Client, params: connectparticipant.SendEventParams): connectparticipant.SendEventResult|nil, connectparticipant.Error|nil
---@field get_transcript fun(self: connectparticipant.Client, params: connectparticipant.GetTranscriptParams): connectparticipant.GetTranscriptResult|nil, connectparticipant.Error|nil
---@field describe_view fun(self: connectparticipant.Client, params: connectparticipant.DescribeViewParams): connectparticipant.DescribeViewResult|nil, connectparticipant.Error|nil
---@field get_authentication_url fun(self: connectparticipant.Client, params: connectparticipant.GetAuthenticationUrlParams): connectparticipant.GetAuthenticationUrlResult|nil, connectparticipant.Error|nil
---@field cancel_participant_authentication fun(self: connectparticipant.Client, params: connectparticipant.CancelParticipantAuthenticationParams): connectparticipant.CancelParticipantAuthenticationResult|nil, connectparticipant.Error|nil

---@class connectparticipant.Module
---@field start_attachment_upload fun(params: connectparticipant.StartAttachmentUploadParams): connectparticipant.StartAttachmentUploadResult|nil, connectparticipant.Error|nil
---@field complete_attachment_upload fun(params: connectparticipant.CompleteAttachmentUploadParams): connectparticipant.CompleteAttachmentUploadResult|nil, connectparticipant.Error|nil
---@field get_attachment fun(params: connectparticipant.GetAttachmentParams): connectparticipant.GetAttachmentResult|nil, connectparticipant.Error|nil
---@field create_participant_connection fun(params: connectparticipant.CreateParticipantConnectionParams): connectparticipant.CreateParticipantConnectionResult|nil, connectparticipant.Error|nil
---@field disconnect_participant fun(params: connectparticipant.DisconnectParticipantParams): connectparticipant.DisconnectParticipantResult|nil, connectparticipant.Error|nil
---@field send_message fun(params: connectparticipant.SendMessageParams): connectparticipant.SendMessageResult|nil, connectparticipant.Error|nil
---@field send_event fun(params: connectparticipant.SendEventParams): connectparticipant.SendEventResult|nil, connectparticipant.Error|nil
---@field get_transcript fun(params: connectparticipant.GetTranscriptParams): connectparticipant.GetTranscriptResult|nil, connectparticipant.Error|nil
---@field describe_view fun(params: connectparticipant.DescribeViewParams): connectparticipant.DescribeViewResult|nil, connectparticipant.Error|nil
---@field get_authentication_url fun(params: connectparticipant.GetAuthenticationUrlParams): connectparticipant.GetAuthenticationUrlResult|nil, connectparticipant.Error|nil
---@field cancel_participant_authentication fun(params: connectparticipant.CancelParticipantAuthenticationParams): connectparticipant.CancelParticipantAuthenticationResult|nil, connectparticipant.Error|nil
