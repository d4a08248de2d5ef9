import { type ContentBox } from '../core/content-box.js';

/** Gives other libs boxes for content at rest; the master keys themselves stay here. */
export abstract class ContentSealer {
  /** One purpose, one set of keys: what is sealed for one cannot be opened for another. */
  abstract boxFor(purpose: string): ContentBox;
}
