-- wants 2: a profile needs stream, datagram or resolve
return {
  name = "x", kind = "service",
  ports = { tcp = { 7 } },
}
