-- TAP for tests in Lua: tap.is(name, got, want), tap.ok(name, value),
-- tap.like(name, text, pattern), tap.finish().
local tap = { failed = 0 }

function tap.ok(name, value, why)
  if value then
    print("ok - " .. name)
  else
    tap.failed = tap.failed + 1
    print("not ok - " .. name)
    if why then print("# " .. tostring(why):gsub("\n", "\n# ")) end
  end
end

function tap.is(name, got, want)
  tap.ok(name, got == want, ("got: %s\nwant: %s"):format(tostring(got), tostring(want)))
end

function tap.like(name, text, pattern)
  tap.ok(name, tostring(text):find(pattern), ("got: %s\nwant: %s"):format(tostring(text), pattern))
end

function tap.finish()
  os.exit(tap.failed == 0)
end

return tap
