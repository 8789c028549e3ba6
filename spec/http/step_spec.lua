-- A step that waits: it comes back when an exchange needs its caller, and when its time is over.
local core = require "connectparticipant.core"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local server, engine
setup(function() server = lab.open() end)
teardown(lab.close)
before_each(function() engine = lab.begin() end)
after_each(function() engine:close() end)

describe("a step that may wait", function()
  -- The other exchange ends by its timeout, long after the step should be back.
  it("does so until one exchange is done, while another goes on", function()
    server:script { { hang = true }, {} }
    local hanging = assert(lab.get { timeout = 30 })
    repeat engine:step() until #server:seen().requests == 1
    local brief = assert(lab.get {})
    local active, moved, ready = engine:step(60)
    assert.equal("done", brief:state())
    assert.equal("run", hanging:state())
    assert.same({ 1, true, true }, { active, moved, ready })
    assert.same({ brief:id(), false }, { engine:ready() })
    assert.is_nil(engine:ready())
  end)

  it("does so until one needs data, or has some", function()
    server:script { {}, { size = 300000 } }
    local put = assert(lab.transfer { size = 5 })
    engine:step(60)
    assert.equal("need_data", put:state())
    put:cancel()
    local get = lab.get { sink = "drain" }
    while engine:ready() do end
    engine:step(60)
    assert.equal("have_data", get:state())
  end)

  it("names all that are ready", function()
    server:script { {}, {} }
    local one, two = assert(lab.get {}), assert(lab.get {})
    repeat engine:wait(1) until engine:step() == 0
    local _, _, more = engine:step(60)
    local found = {}
    while more do
      local id
      id, more = engine:ready()
      found[#found + 1] = id
    end
    table.sort(found)
    assert.same({ one:id(), two:id() }, found)
  end)

  it("does not wait if nothing is in progress, and not for longer than its time", function()
    assert.same({ 0, false, false }, { engine:step(60) })
    server:script { { hang = true } }
    local hanging = assert(lab.get { timeout = 30 })
    local before = core.now()
    local active, _, ready = engine:step(0.05)
    assert.truthy(core.now() - before >= 0.05)
    assert.equal("run", hanging:state())
    assert.same({ 1, false }, { active, ready })
  end)
end)
