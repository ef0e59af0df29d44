/** EGA-V2 (Zheng et al., arXiv 2505.17549v3), Tables 2 and 3: on private, transformed data. Only signs compare. */

interface PublishedRow {
  readonly RPM: number
  readonly CTR: number
  readonly CreativeCTR: number
  readonly Psi: number
}

const egaV2: PublishedRow = { RPM: 230.41, CTR: 0.0612, CreativeCTR: 0.0583, Psi: 0.027 }

const rows: Readonly<Record<string, PublishedRow>> = {
  cascade: { RPM: 192.45, CTR: 0.0558, CreativeCTR: 0.0529, Psi: 0.036 },
  'generative-gsp': { RPM: 206.73, CTR: 0.0582, CreativeCTR: 0.0546, Psi: 0.084 },
  'ega-v2': egaV2,
  'ega-without-mtp': { RPM: 225.45, CTR: 0.0593, CreativeCTR: 0.0562, Psi: 0.027 },
  'ega-one-stage': { RPM: 218.21, CTR: 0.06, CreativeCTR: 0.0572, Psi: 0.03 },
  'ega-average-bid': { RPM: 222.94, CTR: 0.0603, CreativeCTR: 0.0576, Psi: 0.041 },
  'ega-gsp': { RPM: 226.17, CTR: 0.0608, CreativeCTR: 0.058, Psi: 0.082 },
}

/** How the row stands to EGA-V2 in the paper: a relative gain, of Psi a difference; undefined where it has no such row. */
export function publishedDifference(row: string, metric: string): number | undefined {
  const published = rows[row]
  if (published === undefined || !(metric in egaV2)) return undefined
  const key = metric as keyof PublishedRow
  return key === 'Psi' ? published.Psi - egaV2.Psi : published[key] / egaV2[key] - 1
}
