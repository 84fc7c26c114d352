/**
 * key-index - finds the place of a subject by its key: numbers in a NumberIndex, texts in a Map
 */
import { NumberIndex } from './number-index.js';
import type { Subject, SubjectKey } from './subject.js';

export class KeyIndex {
  readonly #numbers = new NumberIndex();
  readonly #texts = new Map<Subject, number>();

  get(key: SubjectKey): number | undefined {
    return typeof key === 'number' ? this.#numbers.get(key) : this.#texts.get(key);
  }

  set(key: SubjectKey, place: number): void {
    if (typeof key === 'number') this.#numbers.set(key, place);
    else this.#texts.set(key, place);
  }

  delete(key: SubjectKey): void {
    if (typeof key === 'number') this.#numbers.delete(key);
    else this.#texts.delete(key);
  }
}
