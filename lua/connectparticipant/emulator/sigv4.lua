--- S3's presigned URLs: makes them, and verifies them with every header that they sign.
-- https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html

local crypto = require "connectparticipant.emulator.crypto"

local sigv4 = {}

local ALGORITHM = "AWS4-HMAC-SHA256"
local WEEK, SKEW = 604800, 900 -- seconds: of the longest URL, and by how much clocks may differ

local function escape(text)
  return (tostring(text):gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local keys = { made = 0 }

-- The signing key takes four HMACs and is the same for a whole day, so it is cached.
local function signing_key(credentials, date)
  local name = credentials.secret_key .. date .. credentials.region
  if not keys[name] then
    local key = crypto.hmac("AWS4" .. credentials.secret_key, date)
    key = crypto.hmac(key, credentials.region)
    key = crypto.hmac(key, "s3")
    if keys.made > 100 then keys = { made = 0 } end
    keys[name], keys.made = crypto.hmac(key, "aws4_request"), keys.made + 1
  end
  return keys[name]
end

-- `canonical` is the canonical request as a list of strings.
local function signature(credentials, date, time, canonical)
  local scope = ("%s/%s/s3/aws4_request"):format(date, credentials.region)
  local text = table.concat({ ALGORITHM, time, scope, crypto.sha256_of(canonical) }, "\n")
  return crypto.hex(crypto.hmac(signing_key(credentials, date), text)), text
end

local function canonical_query(parameters)
  local pairs_of = {}
  for name, value in pairs(parameters) do
    if name ~= "X-Amz-Signature" then
      pairs_of[#pairs_of + 1] = escape(name) .. "=" .. escape(value)
    end
  end
  table.sort(pairs_of)
  return table.concat(pairs_of, "&")
end

-- Trims white space, reduces inner runs of it to one space, and joins repeated headers by commas.
local function collapse(value)
  if type(value) == "table" then value = table.concat(value, ",") end
  return (tostring(value):gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " "))
end

-- S3 does not escape the slashes of a key.
local function canonical_path(path)
  return (escape(unescape(path)):gsub("%%2F", "/"))
end

local function canonical_request(method, path, query, names, headers)
  local pieces = { method, "\n", canonical_path(path), "\n", query, "\n" }
  for _, name in ipairs(names) do
    pieces[#pieces + 1] = name .. ":"
    pieces[#pieces + 1] = collapse(headers[name] or "")
    pieces[#pieces + 1] = "\n"
  end
  pieces[#pieces + 1] = "\n"
  pieces[#pieces + 1] = table.concat(names, ";")
  pieces[#pieces + 1] = "\nUNSIGNED-PAYLOAD"
  return pieces
end

--- Makes a presigned URL.
---@param request table method, origin, host, path, headers, expires (seconds), now
---@param credentials { access_key: string, secret_key: string, region: string, token?: string }
function sigv4.presign(request, credentials)
  local time = os.date("!%Y%m%dT%H%M%SZ", request.now)
  local date = time:sub(1, 8)
  local headers, names = { host = request.host }, { "host" }
  for name, value in pairs(request.headers or {}) do
    headers[name:lower()] = value
    names[#names + 1] = name:lower()
  end
  table.sort(names)
  local parameters = {
    ["X-Amz-Algorithm"] = ALGORITHM,
    ["X-Amz-Credential"] = ("%s/%s/%s/s3/aws4_request")
      :format(credentials.access_key, date, credentials.region),
    ["X-Amz-Date"] = time, ["X-Amz-Expires"] = request.expires,
    ["X-Amz-SignedHeaders"] = table.concat(names, ";"),
    ["X-Amz-Security-Token"] = credentials.token,
  }
  local query = canonical_query(parameters)
  local canonical = canonical_request(request.method, request.path, query, names, headers)
  local signed = signature(credentials, date, time, canonical)
  return request.origin .. request.path .. "?" .. query .. "&X-Amz-Signature=" .. signed
end

--- Splits a raw query string.
function sigv4.parameters(query)
  local parameters = {}
  for name, value in (query or ""):gmatch("([^&=]+)=?([^&]*)") do
    parameters[unescape(name)] = unescape(value)
  end
  return parameters
end

-- Seconds since 1970 of X-Amz-Date, or nil.
local function parse_time(text)
  local year, month, day, hour, minute, second =
    (text or ""):match("^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)Z$")
  if not year then return nil end
  local local_time = os.time {
    year = tonumber(year), month = tonumber(month), day = tonumber(day), hour = tonumber(hour),
    min = tonumber(minute), sec = tonumber(second), isdst = false,
  }
  local now = os.time()
  local utc = os.date("!*t", now)
  utc.isdst = false
  return local_time + os.difftime(now, os.time(utc))
end

local function denied(code, message, extra)
  return nil, { status = 403, code = code, message = message, extra = extra }
end

local function malformed(message)
  return nil, { status = 400, code = "AuthorizationQueryParametersError", message = message }
end

-- S3 refuses x-amz-* headers that the URL does not sign, and URLs that do not sign their host.
local function unsigned_header(headers, names)
  local signed = {}
  for _, name in ipairs(names) do signed[name] = true end
  for name in pairs(headers) do
    local lower = name:lower()
    if lower:sub(1, 6) == "x-amz-" and not signed[lower] then return lower end
  end
  return not signed.host and "host" or nil
end

local NEEDED = { "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date",
  "X-Amz-SignedHeaders", "X-Amz-Expires" }

local function check_presence(parameters)
  local found
  for name in pairs(parameters) do found = found or name:sub(1, 6) == "X-Amz-" end
  if not found then return denied("AccessDenied", "Access Denied") end
  for _, name in ipairs(NEEDED) do
    if not parameters[name] then
      return malformed("Query-string authentication version 4 requires the X-Amz-Algorithm, "
        .. "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires "
        .. "parameters.")
    end
  end
  if parameters["X-Amz-Algorithm"] ~= ALGORITHM then
    return malformed('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
  end
  return true
end

local function check_credential(parameters, credentials)
  local key, date, region, service = parameters["X-Amz-Credential"]
    :match("^([^/]+)/(%d%d%d%d%d%d%d%d)/([^/]+)/([^/]+)/aws4_request$")
  if not key then
    return malformed("Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
      .. 'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".')
  elseif date ~= parameters["X-Amz-Date"]:sub(1, 8) then
    return malformed(('Invalid credential date "%s". This date is not the same as X-Amz-Date: '
      .. '"%s".'):format(date, parameters["X-Amz-Date"]:sub(1, 8)))
  elseif service ~= "s3" then
    return malformed(('Error parsing the X-Amz-Credential parameter; incorrect service "%s". This '
      .. 'endpoint belongs to "s3".'):format(service))
  elseif region ~= credentials.region then
    return malformed(("Error parsing the X-Amz-Credential parameter; the region '%s' is wrong; "
      .. "expecting '%s'"):format(region, credentials.region))
  elseif key ~= credentials.access_key then
    return denied("InvalidAccessKeyId",
      "The AWS Access Key Id you provided does not exist in our records.",
      { { "AWSAccessKeyId", key } })
  elseif parameters["X-Amz-Security-Token"] ~= credentials.token then
    return nil, { status = 400, code = "InvalidToken",
      message = "The provided token is malformed or otherwise invalid." }
  end
  return true
end

local function check_time(parameters, now)
  local begun = parse_time(parameters["X-Amz-Date"])
  if not begun then
    return malformed('X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd\'T\'HHmmss\'Z\'"')
  end
  local expires = tonumber(parameters["X-Amz-Expires"]:match("^%-?%d+$"))
  if not expires then return malformed("X-Amz-Expires should be a number") end
  if expires < 0 then return malformed("X-Amz-Expires must be non-negative") end
  if expires > WEEK then
    return malformed("X-Amz-Expires must be less than a week (in seconds); that is, the given "
      .. "X-Amz-Expires must be less than 604800 seconds")
  end
  if begun > now + SKEW then
    return denied("AccessDenied", "Request is not valid yet", {
      { "X-Amz-Date", parameters["X-Amz-Date"] },
      { "ServerTime", os.date("!%Y-%m-%dT%H:%M:%SZ", now) },
    })
  end
  if now > begun + expires then
    return denied("AccessDenied", "Request has expired", {
      { "X-Amz-Expires", expires },
      { "Expires", os.date("!%Y-%m-%dT%H:%M:%SZ", begun + expires) },
      { "ServerTime", os.date("!%Y-%m-%dT%H:%M:%SZ", now) },
    })
  end
  return true
end

-- The names of the signed headers, if they include all that must be signed.
local function check_headers(parameters, headers)
  local names = {}
  for name in parameters["X-Amz-SignedHeaders"]:gmatch("[^;]+") do names[#names + 1] = name end
  local stranger = unsigned_header(headers, names)
  if stranger then
    return denied("AccessDenied", "There were headers present in the request which were not signed",
      { { "HeadersNotSigned", stranger } })
  end
  return names
end

local function check_signature(request, parameters, names, credentials)
  local canonical = canonical_request(request.method, request.path, canonical_query(parameters),
    names, request.headers)
  local time = parameters["X-Amz-Date"]
  local wanted, text = signature(credentials, time:sub(1, 8), time, canonical)
  if wanted == parameters["X-Amz-Signature"] then return true end
  return denied("SignatureDoesNotMatch", "The request signature we calculated does not match "
    .. "the signature you provided. Check your key and signing method.", {
      { "AWSAccessKeyId", credentials.access_key }, { "StringToSign", text },
      { "SignatureProvided", parameters["X-Amz-Signature"] },
      { "CanonicalRequest", table.concat(canonical) },
    })
end

--- Verifies a request against the signature in its URL; nil and S3's error when it does not match.
---@param request { method: string, path: string, query: string, headers: table, now: integer }
---@param credentials table
function sigv4.verify(request, credentials)
  local parameters = sigv4.parameters(request.query)
  local ok, refusal = check_presence(parameters)
  if ok and request.headers.authorization then
    return nil, { status = 400, code = "InvalidArgument", message = "Only one auth mechanism "
      .. "allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
      .. "the Authorization header should be specified",
      extra = { { "ArgumentName", "Authorization" } } }
  end
  if ok then ok, refusal = check_credential(parameters, credentials) end
  if ok then ok, refusal = check_time(parameters, request.now) end
  if ok then ok, refusal = check_headers(parameters, request.headers) end
  if not ok then return nil, refusal end
  return check_signature(request, parameters, ok, credentials)
end

return sigv4
