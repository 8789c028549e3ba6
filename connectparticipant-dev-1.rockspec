rockspec_format = "3.0"
package = "connectparticipant"
version = "dev-1"
source = {
  url = "git+https://github.com/connectparticipant/lua-connectparticipant.git",
}
description = {
  summary = "The Amazon Connect Participant Service, with attachments done completely",
  detailed = [[
    Uploads and downloads attachments of Amazon Connect chats, and speaks all eleven operations of
    the Amazon Connect Participant Service, over libcurl: with retries, deadlines, streaming in
    constant memory, and many transfers at once; in plain Lua, and in OpenResty without blocking.
  ]],
  homepage = "https://github.com/connectparticipant/lua-connectparticipant",
  license = "MIT",
  labels = { "aws", "http", "network", "openresty" },
}
dependencies = {
  "lua >= 5.1, < 5.5",
  "lua-cjson >= 2.1.0",
}
-- No header: LuaRocks does not look for it in Debian's multiarch directory, where it is.
external_dependencies = {
  CURL = { library = "curl" },
}
build = {
  type = "builtin",
  modules = {
    ["connectparticipant.core"] = {
      sources = {
        "csrc/buffer.c",
        "csrc/core.c",
        "csrc/core_engine.c",
        "csrc/core_exchange.c",
        "csrc/core_file.c",
        "csrc/core_request.c",
        "csrc/core_transfer.c",
        "csrc/curl_codes.c",
        "csrc/endpoint.c",
        "csrc/engine.c",
        "csrc/engine_poll.c",
        "csrc/engine_urls.c",
        "csrc/error.c",
        "csrc/exchange.c",
        "csrc/exchange_options.c",
        "csrc/fault.c",
        "csrc/file.c",
        "csrc/forks.c",
        "csrc/json.c",
        "csrc/model.c",
        "csrc/process.c",
        "csrc/random.c",
        "csrc/request.c",
        "csrc/response.c",
        "csrc/settings.c",
        "csrc/sigpipe.c",
        "csrc/text.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "curl", "pthread" },
      incdirs = { "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
    },
  },
  install = {
    bin = { connectparticipant = "lua/connectparticipant/command.lua" },
  },
}
test = {
  type = "command",
  command = "make test",
}
