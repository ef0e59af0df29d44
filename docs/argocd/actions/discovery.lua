-- Which actions an object offers; what makes no sense in its present state is shown, and cannot be chosen.
local actions = {}
local spec = obj.spec or {}
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition.status == "True"
end

actions["suspend"] = { ["disabled"] = spec.suspend == true }
actions["resume"] = { ["disabled"] = spec.suspend ~= true }

local runs = { Dataset = true, TokenizerBuild = true, TrainingRun = true, Evaluation = true }
if runs[obj.kind] then
  -- A run that was given up, or that waits for its next try.
  actions["retry"] = { ["disabled"] = not (found.Stalled or status.nextRetryTime ~= nil) }
end
if obj.kind == "RankerDeployment" then
  local rolling = status.canaryDigest ~= nil
  actions["promote"] = { ["disabled"] = not rolling }
  actions["abort"] = { ["disabled"] = not rolling }
  actions["approve"] = { ["disabled"] = not (found.Paused or false) }
  actions["retry"] = { ["disabled"] = not (found.Stalled or false) }
end
if obj.kind == "RankerPipeline" then
  actions["retrain"] = { ["disabled"] = spec.suspend == true }
  actions["promote"] = { ["disabled"] = status.candidate == nil }
  actions["abort"] = { ["disabled"] = false }
end
return actions
