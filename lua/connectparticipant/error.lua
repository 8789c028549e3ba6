-- The errors that the Lua layer makes itself. core.new_error gives all errors one shape, without
-- secrets.

local core = require "connectparticipant.core"

local failure = {}

local function make(kind, code, message, where)
  where = where or {}
  return core.new_error {
    kind = kind, code = code, message = message, operation = where.operation, step = where.step,
    status = where.status, attachment_id = where.attachment_id, token = where.token,
    url = where.url, retryable = where.retryable, option = where.option,
  }
end

--- All violations of a call's parameters in one error.
---@param problems string[]
---@param operation? string
---@param step? string
function failure.validation(problems, operation, step)
  return make("validation", "ParamValidationError", table.concat(problems, "; "),
    { operation = operation, step = step })
end

---@param message string
---@param code? string
---@param option? string the option that is wrong
function failure.configuration(message, code, option)
  return make("configuration", code or "InvalidConfiguration", message, { option = option })
end

--- The functions below take `where`: operation, step, attachment_id, and the secrets to redact.
function failure.cancelled(message, where)
  return make("cancelled", "Cancelled", message, where)
end

function failure.timeout(message, where)
  return make("timeout", "OPERATION_TIMEDOUT", message, where)
end

function failure.protocol(code, message, where)
  return make("protocol", code, message, where)
end

function failure.source(code, message, where)
  return make("source", code, message, where)
end

function failure.sink(code, message, where)
  return make("sink", code, message, where)
end

function failure.rejected(message, where)
  return make("service", "AttachmentRejected", message, where)
end

--- An error for what a function of the caller's raised.
function failure.raised(message)
  return make("raised", "Raised", message)
end

return failure
