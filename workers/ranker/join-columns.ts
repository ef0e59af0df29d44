type Column = Uint32Array | Int32Array | Float32Array | Float64Array

/** Elements of one column, then those of the other, of the same type. */
export function joinColumns<Each extends Column>(one: Each, other: Each): Each {
  const joined = new (one.constructor as new (length: number) => Each)(one.length + other.length)
  joined.set(one)
  joined.set(other, one.length)
  return joined
}
