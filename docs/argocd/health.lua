-- Health of every kind of adloom.dev, as kstatus reads it, in Argo CD's words. Argo CD itself shows an object under
-- deletion as Progressing, before it asks this script.
local health = { status = "Progressing", message = "waiting for the operator to see it" }
local status = obj.status
-- The definitions start observedGeneration at -1: an object that nobody has seen is never healthy.
if status == nil or status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local function is(kind)
  return found[kind] ~= nil and found[kind].status == "True"
end

local ready = found.Ready
if ready ~= nil and ready.message ~= nil and ready.message ~= "" then
  health.message = ready.reason .. ": " .. ready.message
end
if is("Stalled") then
  health.status = "Degraded"
elseif is("Suspended") or is("Paused") then
  health.status = "Suspended"
elseif is("Reconciling") then
  health.status = "Progressing"
elseif is("Ready") then
  health.status = "Healthy"
end
return health
