--- The manual page in roff, made from the same declarations as the help.

local common = require "connectparticipant.cli.common"
local core = require "connectparticipant.core"

local manual = {}

local ENVIRONMENT = {
  { "CONNECT_CONNECTION_TOKEN", "the token of the chat, for all commands but connect" },
  { "CONNECT_PARTICIPANT_TOKEN", "the participant token, for connect" },
  { "AWS_REGION, AWS_DEFAULT_REGION", "the region, unless --region" },
  { "AWS_ENDPOINT_URL_CONNECTPARTICIPANT, AWS_ENDPOINT_URL", "the endpoint, unless --endpoint" },
  { "AWS_PROFILE", "the profile, unless --profile" },
  { "AWS_CA_BUNDLE", "CA certificates, unless --ca-file" },
  { "AWS_MAX_ATTEMPTS, AWS_RETRY_MODE", "how requests are repeated" },
  { "HTTPS_PROXY, NO_PROXY", "the proxy, as libcurl reads them" },
}

local STATUS = {
  { "0", "everything was done" }, { "1", "something failed, and standard error says what" },
  { "2", "wrong usage" }, { "128 + N", "ended by signal N; no partial file stays" },
}

-- Escapes a period or quote at the beginning of a line, which roff takes for a request, and makes
-- hyphens that can be copied.
local function escape(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^([.'])", "\\&%1")
    :gsub("\n([.'])", "\n\\&%1"))
end

local function add_pair(lines, term, text)
  lines[#lines + 1] = ".TP\n.B " .. escape(term) .. "\n" .. escape(text)
end

local function add_options(lines, options)
  for _, option in ipairs(options) do
    if not option.hidden then
      local names = (option.short and option.short .. ", " or "") .. option.long
      add_pair(lines, names .. (option.argname and " " .. option.argname or ""), option.description)
    end
  end
end

local function add_command(lines, usage, command)
  lines[#lines + 1] = (".SS %s"):format(escape(usage:gsub("^%S+ ", "")))
  lines[#lines + 1] = escape(command.summary:gsub("^%l", string.upper)) .. "."
  if command.description then lines[#lines + 1] = escape(command.description) end
  add_options(lines, command.options or {})
  for _, example in ipairs(command.examples or {}) do
    lines[#lines + 1] = ".PP\n.nf\n.RS\n" .. escape(example) .. "\n.RE\n.fi"
  end
end

--- Writes the page.
---@param parser table connectparticipant.cli.parser
---@return string
function manual.page(parser)
  local lines = {
    (".TH CONNECTPARTICIPANT 1 \"\" \"connectparticipant %s\""):format(core._VERSION),
    ".SH NAME\nconnectparticipant \\- attachments and messages of Amazon Connect chats",
    ".SH SYNOPSIS\n.B connectparticipant\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]",
    ".SH DESCRIPTION\n" .. escape(parser.SUMMARY) .. "\n" .. escape(parser.EPILOG), ".SH COMMANDS",
  }
  for _, name in ipairs(parser.COMMANDS) do
    add_command(lines, parser.usage(name), parser.command(name))
  end
  lines[#lines + 1] = ".SH COMMON OPTIONS\nOf all commands that speak to the service."
  add_options(lines, common.client_options)
  lines[#lines + 1] = ".SH ENVIRONMENT"
  for _, pair in ipairs(ENVIRONMENT) do add_pair(lines, pair[1], pair[2]) end
  lines[#lines + 1] = ".SH EXIT STATUS"
  for _, pair in ipairs(STATUS) do add_pair(lines, pair[1], pair[2]) end
  return table.concat(lines, "\n") .. "\n"
end

return manual
