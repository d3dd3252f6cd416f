-- TAP for the Lua tests here, and the world that they try profiles in.
local top = arg[0]:match("^(.*)/tests/") or "."
package.path = top .. "/scripts/profile/?.lua;" .. package.path
local world = require "world"
local tap = { top = top }

function tap.ok(condition, name, why)
  print((condition and "ok - " or "not ok - ") .. name)
  if not condition and why then print("# " .. tostring(why):gsub("\n", "\n# ")) end
  return condition
end

function tap.is(got, want, name)
  return tap.ok(got == want, name, ("got:  %s\nwant: %s"):format(tostring(got), tostring(want)))
end

function tap.skip(name, why)
  print(("ok - %s # SKIP %s"):format(name, why))
end

function tap.world(settings)
  settings = settings or {}
  settings.folder = top .. "/lua-profiles"
  return world.new(settings)
end

return tap
