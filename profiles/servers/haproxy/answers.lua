-- Answers with 16 MiB, as an application behind the proxy would.
local piece = string.rep("x", 65536)
core.register_service("large", "http", function(applet)
    applet:set_status(200)
    applet:add_header("content-length", tostring(256 * #piece))
    applet:start_response()
    for _ = 1, 256 do
        applet:send(piece)
    end
end)
