-- Mutants of the gateway: { file, text, replacement, the promise that this breaks, specs that
-- notice }.
local NGINX = "lua/connectparticipant/nginx/"
local WIRE = "nginx/gateway nginx/gateway_safety"

return {
  { NGINX .. "name.lua", "or text:find(C1) or text:find(SEPARATORS) then", "then",
    "a name has no control character, Unicode's C1 included", "nginx/gateway_name" },
  { NGINX .. "name.lua", 'return (last:gsub(OVERRIDES, "_"):gsub(ISOLATES, "_"))', "return last",
    "no character in a name changes the direction of its text", "nginx/gateway_name" },
  { NGINX .. "name.lua", 'local last = text:match "[^/\\\\]*$"', "local last = text",
    "folders before a name are removed", "nginx/gateway_name" },
  { NGINX .. "name.lua", "return name.is_utf8(text) and text or from_latin1(text)",
    "return text", "a name that is not UTF-8 is read as ISO-8859-1", "nginx/gateway_name" },
  { NGINX .. "request.lua", '  headers["X-Content-Type-Options"] = "nosniff"\n', "",
    "browsers are told not to guess types", WIRE, lua = "luajit" },
  { NGINX .. "request.lua", "if each == origin then return origin end", "return origin",
    "only pages of the named origins may read answers", WIRE, lua = "luajit" },
  { NGINX .. "request.lua", "  if may then return nil end\n", "  if true then return nil end\n",
    "a request that `authorize` refuses does nothing", WIRE, lua = "luajit" },
  { NGINX .. "request.lua", '" failed: ", tostring(err))',
    '" failed: ", tostring(err), " ", self.seen.token)', "nginx's log holds no token",
    "nginx/secrets", lua = "luajit" },
  { NGINX .. "download.lua",
    "  headers[\"Content-Security-Policy\"] = \"sandbox; default-src 'none'\"\n", "",
    "an attachment shown in a browser does not run in the gateway's origin", WIRE, lua = "luajit" },
  { NGINX .. "download.lua", 'inline and "inline" or "attachment")', '"inline")',
    "an attachment is saved unless its type is in `inline`", WIRE, lua = "luajit" },
  { NGINX .. "download.lua", "  ngx.exit(444)\n", "  ngx.eof()\n",
    "a download that breaks off is not taken for the whole", WIRE, lua = "luajit" },
  { NGINX .. "multipart.lua", "if #parts >= MOST_PARTS then", "if false then",
    "the number of a form's parts is bounded", "nginx/gateway_multipart" },
  { NGINX .. "multipart.lua", "#self.buffer > LONGEST_HEADERS or ", "",
    "the headers of a part are bounded", "nginx/gateway_multipart" },
  { NGINX .. "body.lua", "  ngx.exit(444)\n", "",
    "the unread rest of a body is not parsed as a request",
    WIRE, lua = "luajit" },
}
