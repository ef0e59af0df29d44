import { type Digest, digestOf, digestOfBytes } from '../artifacts/digest.ts'
import type { FeatureModel } from './features.ts'
import type { Quantizer } from './quantizer.ts'

const digestOfNumbers = ({ buffer, byteOffset, byteLength }: Float32Array | Uint32Array): Digest =>
  digestOfBytes(new Uint8Array(buffer, byteOffset, byteLength))

/**
 * Names what codes and features mean, whatever items are coded: codebooks, the network before them where there is one,
 * and feature transform. Weights that were learned for codes or features are of use with an equal vocabulary only.
 */
export function vocabularyOf(
  { codebooks, autoencoder }: Quantizer,
  { blocks, scale, text, ridge }: FeatureModel,
): Digest {
  return digestOf({
    sizes: codebooks.sizes,
    codebooks: digestOfNumbers(codebooks.data),
    autoencoder: autoencoder && {
      hidden: autoencoder.hidden,
      residual: autoencoder.residual,
      center: digestOfNumbers(autoencoder.scale.center),
      factor: digestOfNumbers(autoencoder.scale.factor),
      weights: digestOfNumbers(autoencoder.weights),
    },
    blocks: blocks.map(({ center, ...block }) => ({ ...block, center: digestOfNumbers(center) })),
    scale,
    text: text && {
      ngrams: text.ngrams,
      buckets: text.buckets,
      terms: digestOfNumbers(text.terms),
      idf: digestOfNumbers(text.idf),
      weights: digestOfNumbers(text.weights),
    },
    ridge: ridge && digestOfNumbers(ridge.weights),
  })
}
