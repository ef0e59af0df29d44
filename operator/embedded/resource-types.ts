import { builtinTypes } from './builtin/types.ts'
import { crdStorage, typesOfCrd } from './crd.ts'
import { apiVersionOf, type ResourceType } from './resource-type.ts'
import type { Store } from './store.ts'

/** Every kind that is served now: the built-in ones and those of the stored CRDs. */
export class ResourceTypes {
  readonly #store: Store
  #types: ResourceType[] = builtinTypes

  constructor(store: Store) {
    this.#store = store
    this.#reload()
    store.subscribe((event) => {
      if (event.resource === crdStorage) this.#reload()
    })
  }

  all(): readonly ResourceType[] {
    return this.#types
  }

  find(group: string, version: string, plural: string): ResourceType | undefined {
    return this.#types.find((type) => type.plural === plural && type.group === group && type.version === version)
  }

  findKind(apiVersion: string, kind: string): ResourceType | undefined {
    return this.#types.find((type) => type.kind === kind && apiVersionOf(type) === apiVersion)
  }

  /** Any version of the kind that is stored there. */
  findStorage(storage: string): ResourceType | undefined {
    return this.#types.find((type) => type.storage === storage)
  }

  /** One type for each kind of object that is stored. */
  stored(): ResourceType[] {
    return [...new Map(this.#types.toReversed().map((type) => [type.storage, type])).values()]
  }

  #reload(): void {
    this.#types = [...builtinTypes, ...this.#store.list(crdStorage).flatMap(typesOfCrd)]
  }
}
