-- Ends a pause that waits for a person.
-- Each new value of the annotation is one request.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["adloom.dev/approve"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
