-- The output of busted here: nothing about specs that pass, everything about those that do not, and
-- one closing line.
return function()
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()

  handler.suiteEnd = function()
    for _, list in ipairs { handler.failures, handler.errors, handler.pendings } do
      for _, entry in ipairs(list) do
        local where = entry.element and entry.element.trace
        io.write(("\n%s:%s: %s\n"):format(where and where.short_src or "?",
          where and where.currentline or "?", entry.name or "?"))
        local message = entry.message
        if type(message) ~= "string" then
          message = require("pl.pretty").write(message or "pending")
        end
        io.write(message, "\n")
      end
    end
    local failed = #handler.failures + #handler.errors + #handler.pendings
    io.write(("%d passed, %d failed\n"):format(handler.successesCount, failed))
    io.flush()
    return nil, true
  end

  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  return handler
end
