-- Holds the object until it is resumed. Automatic sync with self-heal puts spec.suspend back to what Git says: commit it.
obj.spec.suspend = true
return obj
