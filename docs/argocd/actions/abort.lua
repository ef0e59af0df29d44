-- Gives up what is under way; what served before goes on to serve.
-- Each new value of the annotation is one request.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["adloom.dev/abort"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
