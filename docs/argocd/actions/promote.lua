-- Takes the candidate at once, without the steps that are left.
-- Each new value of the annotation is one request.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["adloom.dev/promote"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
