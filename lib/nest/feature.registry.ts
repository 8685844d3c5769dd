import { Injectable } from '@nestjs/common';
import type { Feature } from './feature.js';

/** A repository that `forFeature` has made. */
export interface MadeFeature {
  readonly feature: Feature;
  /** The store's name, `undefined` for the default one. */
  readonly store: string | undefined;
  readonly repository: object;
}

/** The repositories of one application, each once however many modules ask for it. */
@Injectable()
export class FeatureRegistry {
  readonly #made: MadeFeature[] = [];

  add(made: MadeFeature): void {
    const isKnown = this.#made.some(({ feature, store }) => feature === made.feature && store === made.store);
    if (!isKnown) this.#made.push(made);
  }

  all(): readonly MadeFeature[] {
    return this.#made;
  }
}
