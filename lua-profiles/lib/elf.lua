-- The smallest programs that a bot's downloader can fetch and start: static
-- ELF files whose only instructions are exit(0), padded to a believable size.
-- Layout: System V ABI, "Object Files"; machine numbers from the ELF registry.

local elf = {}

-- class (1: 32 bit, 2: 64 bit), byte order ("<" or ">"), machine, flags, code.
local MACHINES = {
  -- xor ebx,ebx; mov eax,1; int 0x80
  i386 = { 1, "<", 3, 0, "\x31\xdb\xb8\x01\0\0\0\xcd\x80" },
  -- xor edi,edi; mov eax,60; syscall
  x86_64 = { 2, "<", 62, 0, "\x31\xff\xb8\x3c\0\0\0\x0f\x05" },
  -- mov r0,#0; mov r7,#1; svc 0 (EABI 5)
  arm = { 1, "<", 40, 0x05000000, "\x00\x00\xa0\xe3\x01\x70\xa0\xe3\x00\x00\x00\xef" },
  -- mov x0,#0; mov x8,#93; svc #0
  arm64 = { 2, "<", 183, 0, "\x00\x00\x80\xd2\xa8\x0b\x80\xd2\x01\x00\x00\xd4" },
  -- li a0,0; li v0,4001; syscall (o32)
  mipsel = { 1, "<", 8, 0x1000, "\x00\x00\x04\x24\xa1\x0f\x02\x24\x0c\x00\x00\x00" },
  mips = { 1, ">", 8, 0x1000, "\x24\x04\x00\x00\x24\x02\x0f\xa1\x00\x00\x00\x0c" },
  -- li r3,0; li r0,1; sc
  powerpc = { 1, ">", 20, 0, "\x38\x60\x00\x00\x38\x00\x00\x01\x44\x00\x00\x02" },
}

-- What file names call the machines, longest first.
local NAMES = {
  { "x86_64", "x86_64" }, { "x86%-64", "x86_64" }, { "amd64", "x86_64" }, { "x64", "x86_64" },
  { "aarch64", "arm64" }, { "arm64", "arm64" }, { "arm", "arm" },
  { "mipsel", "mipsel" }, { "mpsl", "mipsel" }, { "mips", "mips" },
  { "powerpc", "powerpc" }, { "ppc", "powerpc" },
  { "i[3-6]86", "i386" }, { "x86", "i386" },
}
local SIZE = 24576

-- The machine that a file's name speaks of, or nil.
function elf.machine_of(name)
  name = (name or ""):lower()
  for _, pair in ipairs(NAMES) do
    if name:find(pair[1]) then return pair[2] end
  end
  return nil
end

-- A program for the machine (i386 if it is unknown) that exits with 0.
function elf.program(machine)
  local class, order, number, flags, code = table.unpack(MACHINES[machine] or MACHINES.i386)
  local wide = class == 2
  local base, head, entry_size = 0x400000, wide and 64 or 52, wide and 56 or 32
  local word = wide and "I8" or "I4"
  local start = head + entry_size
  local ident = "\x7fELF" .. string.char(class, order == "<" and 1 or 2, 1) .. ("\0"):rep(9)
  local header = string.pack(order .. "I2I2I4" .. word:rep(3) .. "I4I2I2I2I2I2I2",
    2, number, 1, base + start, head, 0, flags, head, entry_size, 1, 0, 0, 0)
  local segment
  if wide then
    segment = string.pack(order .. "I4I4I8I8I8I8I8I8", 1, 5, 0, base, base, SIZE, SIZE, 0x1000)
  else
    segment = string.pack(order .. "I4I4I4I4I4I4I4I4", 1, 0, base, base, SIZE, SIZE, 5, 0x1000)
  end
  local file = ident .. header .. segment .. code
  return file .. ("\0"):rep(SIZE - #file)
end

return elf
