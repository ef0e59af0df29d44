-- Tries what was given up once more.
-- Each new value of the annotation is one request.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["adloom.dev/retry"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
