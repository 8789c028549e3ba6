-- A Participant Service and its object store that do as a spec tells them, by route; see
-- spec.support.server.
return require "spec.support.server"
