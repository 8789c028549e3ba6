/* The rows of the model; see model.h. Nothing else lives here.
 * https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_Operations.html */
#include "aws/model.h"

#include <string.h>

/* What a Lua number holds exactly on every Lua. */
#define LONG_LIMIT 9007199254740992.0

#define END                                                                                        \
  { NULL, IN_BODY, STRING, OPTIONAL, 0, 0, NULL, NULL }
#define BEARER(name)                                                                               \
  { name, IN_HEADER, STRING, REQUIRED, 1, 1000, NULL, NULL }

/* clang-format off */

/* Enumerations */

static const char *const connection_types[] = {
  "WEBSOCKET", "CONNECTION_CREDENTIALS", "WEBRTC_CONNECTION", NULL
};
static const char *const scan_directions[] = { "FORWARD", "BACKWARD", NULL };
static const char *const sort_orders[] = { "DESCENDING", "ASCENDING", NULL };

/* Elements of lists and maps */

static const struct member artifact_id = { "", IN_BODY, STRING, REQUIRED, 1, 256, NULL, NULL };
static const struct member connection_type = {
  "", IN_BODY, STRING, REQUIRED, 0, 0, connection_types, NULL
};
static const struct member any_string = { "", IN_BODY, STRING, OPTIONAL, 0, 0, NULL, NULL };

/* Inputs:  name                   place      type    need      min  max */

static const struct member start_attachment_upload[] = {
  BEARER("ConnectionToken"),
  { "AttachmentName",        IN_BODY, STRING, REQUIRED,   1,  256, NULL, NULL },
  { "AttachmentSizeInBytes", IN_BODY, WHOLE,  REQUIRED,   1, LONG_LIMIT, NULL, NULL },
  { "ClientToken",           IN_BODY, STRING, TOKEN,      1,  500, NULL, NULL },
  { "ContentType",           IN_BODY, STRING, REQUIRED,   1,  255, NULL, NULL },
  END
};

static const struct member complete_attachment_upload[] = {
  BEARER("ConnectionToken"),
  { "AttachmentIds",         IN_BODY, LIST,   REQUIRED,   1,    1, NULL, &artifact_id },
  { "ClientToken",           IN_BODY, STRING, TOKEN,      1,  500, NULL, NULL },
  END
};

static const struct member get_attachment[] = {
  BEARER("ConnectionToken"),
  { "AttachmentId",          IN_BODY, STRING, REQUIRED,   1,  256, NULL, NULL },
  { "UrlExpiryInSeconds",    IN_BODY, WHOLE,  OPTIONAL,   5,  300, NULL, NULL },
  END
};

static const struct member create_participant_connection[] = {
  BEARER("ParticipantToken"),
  { "Type",                  IN_BODY, LIST,   OPTIONAL,   1,    0, NULL, &connection_type },
  { "ConnectParticipant",    IN_BODY, BOOLEAN, OPTIONAL,  0,    0, NULL, NULL },
  END
};

static const struct member disconnect_participant[] = {
  BEARER("ConnectionToken"),
  { "ClientToken",           IN_BODY, STRING, TOKEN,      0,  500, NULL, NULL },
  END
};

static const struct member send_message[] = {
  BEARER("ConnectionToken"),
  { "ContentType",           IN_BODY, STRING, REQUIRED,   1,  100, NULL, NULL },
  { "Content",               IN_BODY, TEXT,   REQUIRED,   1, 16384, NULL, NULL },
  { "ClientToken",           IN_BODY, STRING, TOKEN,      0,  500, NULL, NULL },
  END
};

static const struct member send_event[] = {
  BEARER("ConnectionToken"),
  { "ContentType",           IN_BODY, STRING, REQUIRED,   1,  100, NULL, NULL },
  { "Content",               IN_BODY, TEXT,   OPTIONAL,   1, 16384, NULL, NULL },
  { "ClientToken",           IN_BODY, STRING, TOKEN,      0,  500, NULL, NULL },
  END
};

static const struct member start_position[] = {
  { "Id",                    IN_BODY, STRING, OPTIONAL,   1,  256, NULL, NULL },
  { "AbsoluteTime",          IN_BODY, STRING, OPTIONAL,   1,  100, NULL, NULL },
  { "MostRecent",            IN_BODY, WHOLE,  OPTIONAL,   0,  100, NULL, NULL },
  END
};

static const struct member get_transcript[] = {
  BEARER("ConnectionToken"),
  { "ContactId",             IN_BODY, STRING, OPTIONAL,   1,  256, NULL, NULL },
  { "MaxResults",            IN_BODY, WHOLE,  OPTIONAL,   0,  100, NULL, NULL },
  { "NextToken",             IN_BODY, STRING, OPTIONAL,   1, 1000, NULL, NULL },
  { "ScanDirection",         IN_BODY, STRING, OPTIONAL,   0,    0, scan_directions, NULL },
  { "SortOrder",             IN_BODY, STRING, OPTIONAL,   0,    0, sort_orders, NULL },
  { "StartPosition",         IN_BODY, STRUCT, OPTIONAL,   0,    0, NULL, start_position },
  END
};

static const struct member describe_view[] = {
  BEARER("ConnectionToken"),
  { "ViewToken",             IN_PATH, STRING, REQUIRED,   1, 1000, NULL, NULL },
  END
};

static const struct member get_authentication_url[] = {
  BEARER("ConnectionToken"),
  { "SessionId",             IN_BODY, STRING, REQUIRED,  36,   36, NULL, NULL },
  { "RedirectUri",           IN_BODY, STRING, REQUIRED,   1, 1024, NULL, NULL },
  END
};

static const struct member cancel_participant_authentication[] = {
  BEARER("ConnectionToken"),
  { "SessionId",             IN_BODY, STRING, REQUIRED,  36,   36, NULL, NULL },
  END
};

/* Outputs: only names and types count, for an answer's limits are the service's affair. */

#define GIVES(name, type, of) { name, IN_BODY, type, OPTIONAL, 0, 0, NULL, of }

static const struct member nothing[] = { END };

static const struct member upload_metadata[] = {
  GIVES("Url", STRING, NULL),
  GIVES("UrlExpiry", STRING, NULL),
  GIVES("HeadersToInclude", MAP, &any_string),
  END
};

static const struct member started_upload[] = {
  GIVES("AttachmentId", STRING, NULL),
  GIVES("UploadMetadata", STRUCT, upload_metadata),
  END
};

static const struct member attachment[] = {
  GIVES("Url", STRING, NULL),
  GIVES("UrlExpiry", STRING, NULL),
  GIVES("AttachmentSizeInBytes", WHOLE, NULL),
  END
};

static const struct member websocket[] = {
  GIVES("Url", STRING, NULL),
  GIVES("ConnectionExpiry", STRING, NULL),
  END
};

static const struct member connection_credentials[] = {
  GIVES("ConnectionToken", STRING, NULL),
  GIVES("Expiry", STRING, NULL),
  END
};

static const struct member attendee[] = {
  GIVES("AttendeeId", STRING, NULL),
  GIVES("JoinToken", STRING, NULL),
  END
};

static const struct member media_placement[] = {
  GIVES("AudioHostUrl", STRING, NULL),
  GIVES("AudioFallbackUrl", STRING, NULL),
  GIVES("SignalingUrl", STRING, NULL),
  GIVES("EventIngestionUrl", STRING, NULL),
  END
};

static const struct member audio_features[] = { GIVES("EchoReduction", STRING, NULL), END };
static const struct member meeting_features[] = { GIVES("Audio", STRUCT, audio_features), END };

static const struct member meeting[] = {
  GIVES("MediaPlacement", STRUCT, media_placement),
  GIVES("MeetingFeatures", STRUCT, meeting_features),
  GIVES("MeetingId", STRING, NULL),
  END
};

static const struct member webrtc_connection[] = {
  GIVES("Attendee", STRUCT, attendee),
  GIVES("Meeting", STRUCT, meeting),
  END
};

static const struct member connection[] = {
  GIVES("Websocket", STRUCT, websocket),
  GIVES("ConnectionCredentials", STRUCT, connection_credentials),
  GIVES("WebRTCConnection", STRUCT, webrtc_connection),
  END
};

static const struct member processing_metadata[] = {
  GIVES("MessageProcessingStatus", STRING, NULL),
  END
};

static const struct member sent_message[] = {
  GIVES("Id", STRING, NULL),
  GIVES("AbsoluteTime", STRING, NULL),
  GIVES("MessageMetadata", STRUCT, processing_metadata),
  END
};

static const struct member sent_event[] = {
  GIVES("Id", STRING, NULL),
  GIVES("AbsoluteTime", STRING, NULL),
  END
};

static const struct member attachment_item[] = {
  GIVES("ContentType", STRING, NULL),
  GIVES("AttachmentId", STRING, NULL),
  GIVES("AttachmentName", STRING, NULL),
  GIVES("Status", STRING, NULL),
  END
};
static const struct member attachment_items = GIVES("", STRUCT, attachment_item);

static const struct member receipt[] = {
  GIVES("DeliveredTimestamp", STRING, NULL),
  GIVES("ReadTimestamp", STRING, NULL),
  GIVES("RecipientParticipantId", STRING, NULL),
  END
};
static const struct member receipts = GIVES("", STRUCT, receipt);

static const struct member message_metadata[] = {
  GIVES("MessageId", STRING, NULL),
  GIVES("Receipts", LIST, &receipts),
  GIVES("MessageProcessingStatus", STRING, NULL),
  END
};

static const struct member item[] = {
  GIVES("AbsoluteTime", STRING, NULL),
  GIVES("Content", TEXT, NULL),
  GIVES("ContentType", STRING, NULL),
  GIVES("Id", STRING, NULL),
  GIVES("Type", STRING, NULL),
  GIVES("ParticipantId", STRING, NULL),
  GIVES("DisplayName", STRING, NULL),
  GIVES("ParticipantRole", STRING, NULL),
  GIVES("Attachments", LIST, &attachment_items),
  GIVES("MessageMetadata", STRUCT, message_metadata),
  GIVES("RelatedContactId", STRING, NULL),
  GIVES("ContactId", STRING, NULL),
  END
};
static const struct member items = GIVES("", STRUCT, item);

static const struct member transcript[] = {
  GIVES("InitialContactId", STRING, NULL),
  GIVES("Transcript", LIST, &items),
  GIVES("NextToken", STRING, NULL),
  END
};

static const struct member view_content[] = {
  GIVES("InputSchema", TEXT, NULL),
  GIVES("Template", TEXT, NULL),
  GIVES("Actions", LIST, &any_string),
  END
};

static const struct member view[] = {
  GIVES("Id", STRING, NULL),
  GIVES("Arn", STRING, NULL),
  GIVES("Name", STRING, NULL),
  GIVES("Version", WHOLE, NULL),
  GIVES("Content", STRUCT, view_content),
  END
};

static const struct member described_view[] = { GIVES("View", STRUCT, view), END };

static const struct member authentication_url[] = {
  GIVES("AuthenticationUrl", STRING, NULL),
  END
};

const struct operation model_operations[] = {
  { "StartAttachmentUpload", "start_attachment_upload", "POST",
    "/participant/start-attachment-upload", start_attachment_upload, started_upload },
  { "CompleteAttachmentUpload", "complete_attachment_upload", "POST",
    "/participant/complete-attachment-upload", complete_attachment_upload, nothing },
  { "GetAttachment", "get_attachment", "POST",
    "/participant/attachment", get_attachment, attachment },
  { "CreateParticipantConnection", "create_participant_connection", "POST",
    "/participant/connection", create_participant_connection, connection },
  { "DisconnectParticipant", "disconnect_participant", "POST",
    "/participant/disconnect", disconnect_participant, nothing },
  { "SendMessage", "send_message", "POST",
    "/participant/message", send_message, sent_message },
  { "SendEvent", "send_event", "POST",
    "/participant/event", send_event, sent_event },
  { "GetTranscript", "get_transcript", "POST",
    "/participant/transcript", get_transcript, transcript },
  { "DescribeView", "describe_view", "GET",
    "/participant/views/{}", describe_view, described_view },
  { "GetAuthenticationUrl", "get_authentication_url", "POST",
    "/participant/authentication-url", get_authentication_url, authentication_url },
  { "CancelParticipantAuthentication", "cancel_participant_authentication", "POST",
    "/participant/cancel-authentication", cancel_participant_authentication, nothing },
  { NULL, NULL, NULL, NULL, NULL, NULL }
};

/* clang-format on */

const struct operation *model_operation(const char *name) {
  for (const struct operation *o = model_operations; o->name != NULL; o++) {
    if (strcmp(o->name, name) == 0) return o;
  }
  return NULL;
}
