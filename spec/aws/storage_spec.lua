-- From an object store's answer to an error: S3's XML, and answers that are not XML.
local transfers = require "spec.support.transfers"

local lab = transfers.new()

describe("an object store's error", function()
  local server

  setup(function() server = lab.open() end)
  teardown(function() lab.close() end)
  before_each(function() lab.begin() end)

  local function failed(body, status, headers, url)
    server:script { { status = status or 400, body = body, headers = headers } }
    local result, err = lab.finish(assert(lab.transfer { source = "abc", url = url }))
    assert.is_nil(result)
    assert.equal("storage", err.kind)
    return err
  end

  local function said(inner)
    local err = failed("<?xml version=\"1.0\"?>\n<Error>" .. inner .. "</Error>")
    return err.code, err.message
  end

  it("has S3's code, message and request id", function()
    local err = failed("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"
      .. "<Code>AccessDenied</Code><Message>Request has expired</Message>"
      .. "<RequestId>R1</RequestId></Error>", 403)
    assert.equal("AccessDenied", err.code)
    assert.equal("Request has expired", err.message)
    assert.equal("R1", err.request_id)
    assert.equal(403, err.status)
    assert.equal("StartAttachmentUpload", err.operation)
    assert.equal("put", err.step)
    err = failed("<Error><RequestId>R1</RequestId></Error>", 403, { { "x-amz-request-id", "R2" } })
    assert.equal("R2", err.request_id)
    assert.equal("403", err.code)
    assert.equal("the object store answered 403 without a message", err.message)
  end)

  it("decodes references to characters", function()
    for text, meant in pairs {
      ["a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;"] = "a <b> & \"c\" 'd'",
      ["&#65;&#x42;&#X43;"] = "ABC", ["&#233;&#xe9;"] = "éé", ["&#8364;"] = "€",
      ["&#128512;&#x1F600;"] = "😀😀", ["x&#10;y&#x9;z"] = "x y z",
      ["&#0;&#xD800;&#1114112;&#x;&#;&nbsp;&#65 &lt"] =
        "&#0;&#xD800;&#1114112;&#x;&#;&nbsp;&#65 &lt",
      ["&amp;lt;"] = "&lt;", ["&#x26;#65;"] = "&#65;",
      ["&#99999999999999999999;"] = "&#99999999999999999999;",
    } do
      local _, message = said("<Code>C</Code><Message>" .. text .. "</Message>")
      assert.equal(meant, message)
    end
  end)

  it("reads attributes, prefixes, white space, comments and CDATA", function()
    local code, message = said("\n  <Code xml:lang=\"en\" a='>'>\n  SlowDown\n</Code><!-- <Code>No"
      .. "</Code> --><Message><![CDATA[a <b> &lt; ]] c]]> and &lt;d&gt;</Message>")
    assert.equal("SlowDown", code)
    assert.equal("a <b> &lt; ]] c and <d>", message)
    local err = failed("\239\187\191<s3:Error xmlns:s3='http://s3/'><s3:Code>SlowDown</s3:Code>"
      .. "</s3:Error >", 503)
    assert.equal("SlowDown", err.code)
    assert.is_true(err.throttled)
  end)

  it("takes the first child of an Error, and nothing from elsewhere", function()
    for _, body in ipairs {
      "<Code>No</Code><Error><Code>Yes</Code><Code>No</Code></Error>",
      "<ErrorResponse><Code>No</Code><Error><Type>Sender</Type><Code>Yes</Code></Error>"
        .. "</ErrorResponse>",
      "<Error><Detail><Code>No</Code></Detail><Code>Yes</Code></Error>",
      "<Error><Error><Code>Yes</Code></Error><Code>No</Code></Error>",
      "<Error><Message>say &lt;Code>No&lt;/Code></Message><Code>Yes</Code></Error>",
      "<Error><Message><![CDATA[<Code>No</Code>]]></Message><Code>Yes</Code></Error>",
      "<Error><Message><Code>No</Code></Message><Code>Yes</Code></Error>",
      "<Errors><Code>No</Code></Errors><Error><Empty/><Code>Yes<x>No</x></Code></Error>",
    } do
      assert.equal("Yes", failed(body).code, body)
    end
  end)

  it("survives text that is not XML, or only a part of it", function()
    for _, body in ipairs { "", "<", "<>", "< Error>", "<Error", "<Error>", "<Error><Code>",
      "</Code>", "<Error><Code>AccessDen", "<Error a=\"><Code>No</Code></Error>",
      "<!--", "<![CDATA[", "<?", "no XML",
      "{\"code\":\"No\"}", ("<a>"):rep(20000), ("<Error>"):rep(20000), ("</a>"):rep(99),
      "<Error><Code/><Code>No</Code></Error>", "<Error><Code>  </Code></Error>" } do
      assert.equal("400", failed(body).code, body:sub(1, 40))
    end
    local err = failed("<Error><Code>SlowDown</Code><Message>half a wo", 503)
    assert.equal("half a wo", err.message)
    err = failed("<Error><Message>1 < 2 and a<b</Message><Code>X</Code></Error>")
    assert.truthy(err.message:find("1 < 2 and a", 1, true))
    assert.equal("the object store answered 502 with an HTML page",
      failed("<html><Error><Code>x", 502).message)
  end)

  it("is truncated only after redaction", function()
    local url = server.url .. "/store/key?X-Amz-Signature=" .. ("0123456789abcdef"):rep(4)
    for before = 1960, 2060, 9 do
      local err = failed(("<Error><Code>X</Code><Message>%s%s&amp;x</Message></Error>")
        :format(("x"):rep(before), url), 400, nil, url)
      assert.is_nil(err.message:find("01234567", 1, true))
      assert.is_true(#err.message <= 2051)
    end
    local entities = url:gsub(".", function(c) return ("&#x%x;"):format(c:byte()) end)
    local escaped = url:gsub("%W", function(c) return ("%%%02x"):format(c:byte()) end)
    local err = failed("<Error><Code>" .. entities .. "</Code><Message>" .. escaped
      .. "</Message><RequestId>" .. url .. "</RequestId></Error>", 400, nil, url)
    for _, value in pairs(err) do assert.is_nil(tostring(value):find("01234567", 1, true)) end
  end)

  it("has a hint beside S3's own message", function()
    local err = failed("<Error><Code>SignatureDoesNotMatch</Code><Message>m</Message></Error>", 403)
    assert.equal("m", err.message)
    assert.truthy(err.hint:find("HeadersToInclude", 1, true))
    assert.is_nil(failed("<Error><Code>AccessDenied</Code></Error>", 403).hint)
  end)

  it("is retryable if S3 says so", function()
    for code, status in pairs { SlowDown = 503, InternalError = 500, OperationAborted = 409,
      BadDigest = 400, RequestTimeout = 400 } do
      assert.is_true(failed("<Error><Code>" .. code .. "</Code></Error>", status).retryable)
    end
    assert.is_false(failed("<Error><Code>AccessDenied</Code></Error>", 403).retryable)
    assert.equal(3, failed("", 503, { { "Retry-After", "3" } }).retry_after)
  end)
end)
