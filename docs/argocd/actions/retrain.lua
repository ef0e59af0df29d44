-- Starts a run of the pipeline now.
-- Each new value of the annotation is one request.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["adloom.dev/retrain"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
