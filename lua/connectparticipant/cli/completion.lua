--- connectparticipant completion SHELL

local common = require "connectparticipant.cli.common"

local completion = {
  summary = "print the completion for a shell",
  arguments = { { name = "shell", argname = "SHELL", description = "bash, zsh or fish." } },
  examples = {
    "source <(connectparticipant completion bash)",
    "connectparticipant completion fish > ~/.config/fish/completions/connectparticipant.fish",
  },
}

local METHODS = { bash = "get_bash_complete", zsh = "get_zsh_complete", fish = "get_fish_complete" }

function completion.run(world, options)
  local method = METHODS[options.shell or ""]
  if not method then return nil, "for which shell? bash, zsh or fish" end
  local complete = world.parser[method]
  if not complete then
    common.say(world, "completions need lua-argparse 0.7 or later")
    return 1
  end
  world.stdout:write(complete(world.parser))
  return 0
end

return completion
