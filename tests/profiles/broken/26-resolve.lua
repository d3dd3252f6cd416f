-- wants 5: attempt to call a nil value
return {
  name = "x", kind = "service",
  resolve = function(question)
    return question:ip()
  end,
}
