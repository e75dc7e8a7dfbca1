-- Echo inside of HAProxy itself, so that nothing but HAProxy is measured. An applet can only wait for a given number of
-- bytes: messages must be multiples of 256.
core.register_service("echo", "tcp", function(applet)
    while true do
        local bytes = applet:receive(256)
        if bytes == nil or #bytes == 0 then return end
        applet:send(bytes)
    end
end)
