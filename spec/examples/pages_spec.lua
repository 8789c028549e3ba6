-- The Lua blocks of the pages for newcomers, run as printed, one after another.
local emulated = require "spec.support.emulated"
local files = require "spec.support.files"
local process = require "spec.support.process"

-- What a page takes for granted after its first lines.
local BEFORE = [[
participant = require "connectparticipant"
client = participant.new()
token = os.getenv "CONNECT_CONNECTION_TOKEN"
]]

local function blocks(page)
  local text, list = files.read(process.root .. "/" .. page), {}
  for block in text:gmatch "\n```lua\n(.-)\n```" do list[#list + 1] = block end
  return list
end

local service, token, place
setup(function()
  service = emulated.start { scan_seconds = 0 }
  place = files.new()
  place:write("invoice.pdf", "an invoice")
  place:write("photo.png", "a photo")
end)
teardown(function()
  service:stop()
  place:remove()
end)

-- Runs those blocks of a page that need nothing but an emulator.
local function run(page, options)
  local participant_token
  token, participant_token = service:connect()
  local chunks = { BEFORE }
  for _, block in ipairs(blocks(page)) do
    local needs = block:match 'require "(cqueues)"' or block:match 'require "([%w_.]+%.worker)"'
    if not needs or needs == "cqueues" and pcall(require, needs) then
      chunks[#chunks + 1] = "do\n" .. block:gsub("http://127.0.0.1:36365", service.endpoint)
        :gsub("p6f1c%.%.%.", participant_token) .. "\n" .. (options.after or "") .. "\nend"
    end
  end
  local path = place:write("page.lua", table.concat(chunks, "\n"))
  local said = process.run { process.lua, path, cwd = place.directory, env = {
    AWS_ENDPOINT_URL_CONNECTPARTICIPANT = service.endpoint, CONNECT_CONNECTION_TOKEN = token } }
  assert.equal(0, said.status, said.stderr)
  assert.equal(options.blocks, #chunks - 1)
  return said.stdout
end

-- The names of the attachments in the chat whose `token` the page had.
local function attachments()
  local names = {}
  for _, item in ipairs(service:call("transcript", token, { ScanDirection = "FORWARD",
    StartPosition = { AbsoluteTime = "1970-01-01T00:00:00.000Z" } }).result.Transcript) do
    for _, attachment in ipairs(item.Attachments or {}) do
      names[#names + 1] = attachment.AttachmentName
    end
  end
  table.sort(names)
  return names
end

describe("the Lua of", function()
  it("README.md uploads a file, connects, and makes a call fail", function()
    local said = run("README.md", { blocks = 3 })
    assert.truthy(said:find "^%x[%x-]+\t10\n$", said)
    assert.same({ "invoice.pdf" }, attachments())
  end)

  it("doc/guide.md prints a transcript, uploads many, and has a driver of cqueues", function()
    local has_cqueues = (pcall(require, "cqueues"))
    local said = run("doc/guide.md", { blocks = has_cqueues and 3 or 2 })
    assert.truthy(said:find "^%d%d%d%d%-%d%d%-%d%dT", said)
    assert.same({ "invoice.pdf", "photo.png" }, attachments())
  end)

  it("doc/emulator.md drives an emulator of its own", function()
    run("doc/emulator.md", { blocks = 1, after = "assert(#chat.participants == 2 and #sent == 0)" })
  end)

  it("doc/coming-from.md uploads a file", function()
    run("doc/coming-from.md", { blocks = 1, after = "assert(attachment, tostring(err))" })
    assert.same({ "invoice.pdf" }, attachments())
  end)
end)
