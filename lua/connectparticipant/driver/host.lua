-- What of nginx there is around this code.

local host = {}

local function global()
  return _G.ngx
end

--- nginx's API for Lua; nil outside of nginx. Not by rawget: under an ngx_lua without
--- lua-resty-core (0.10.13), each request has globals of its own, which inherit `ngx`, and a module
--- that it is the first to require sees only those. A program may have an `_G` that raises for
--- unknown names.
---@return table|nil
function host.nginx()
  local ok, ngx = pcall(global)
  return ok and type(ngx) == "table" and ngx or nil
end

--- One of nginx's shared dictionaries; nil and a sentence if there is none of the name.
---@param option string that names it
---@param name string
---@return table|nil dict
---@return string|nil problem
function host.dict(option, name)
  local ngx = host.nginx()
  local dict = ngx and ngx.shared and ngx.shared[name]
  if dict then return dict end
  return nil, ('%s = "%s": nginx has no lua_shared_dict of this name'):format(option, name)
end

--- What is wrong with an option that names a shared dictionary, as far as can be told: outside of
--- nginx nothing.
---@param option string
---@param name? string
---@return string|nil problem
function host.problem_of_dict(option, name)
  local ngx = host.nginx()
  if not name or not ngx or type(ngx.shared) ~= "table" then return nil end
  return select(2, host.dict(option, name))
end

return host
