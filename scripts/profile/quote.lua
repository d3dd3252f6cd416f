-- A word as sh(1) reads it back, whatever is in it.
return function(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
