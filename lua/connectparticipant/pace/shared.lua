-- One pace and one retry quota for all workers of an nginx, kept in a shared dictionary, so that
-- they slow down together instead of each finding out alone. Two workers that reserve in the same
-- microsecond may get the same turn, which the next throttling corrects; the quota is exact.

local shared = {}

-- What a pace is made of, in the order it is written; as whole millionths, because the point of a
-- fraction is the locale's.
local FIELDS = { "good", "since", "next_turn", "rate", "throttled_at", "measured" }

---@class connectparticipant.SharedStore where a pace keeps its numbers
local Store = {}
Store.__index = Store

---@param operation string
---@return table|nil entry
function Store:load(operation)
  local text = self.dict:get(self.prefix .. operation)
  if not text then return nil end
  local entry, index = {}, 0
  for word in text:gmatch("%S+") do
    index = index + 1
    entry[FIELDS[index]] = word ~= "-" and tonumber(word) / 1e6 or nil
  end
  return entry
end

---@param operation string
---@param entry table
function Store:save(operation, entry)
  local words = {}
  for index, name in ipairs(FIELDS) do
    words[index] = entry[name] and ("%.0f"):format(entry[name] * 1e6) or "-"
  end
  self.dict:set(self.prefix .. operation, table.concat(words, " "))
end

---@class connectparticipant.SharedTokens the quota's tokens
local Tokens = {}
Tokens.__index = Tokens

--- Adds to the tokens; gives how many there are then.
function Tokens:add(count)
  return (self.dict:incr(self.key, count, self.capacity))
end

--- Opens nginx's shared dictionary; nil and a sentence where there is none of the name.
---@param name string
---@return { store: table, tokens: fun(capacity: integer): table }|nil
---@return string|nil problem
function shared.open(name)
  local ngx = rawget(_G, "ngx")
  local dict = type(ngx) == "table" and ngx.shared and ngx.shared[name]
  if not dict then
    return nil, ("shared_dict = \"%s\": nginx has no lua_shared_dict of this name"):format(name)
  end
  return {
    store = setmetatable({ dict = dict, prefix = "connectparticipant.pace." }, Store),
    tokens = function(capacity)
      return setmetatable({ dict = dict, key = "connectparticipant.quota", capacity = capacity },
        Tokens)
    end,
  }
end

return shared
