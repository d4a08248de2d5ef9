import { type Surface } from '@apex/usage';
import { chatCompletions } from './chat-completions.js';
import { embeddings } from './embeddings.js';
import { messages } from './messages.js';
import { responses } from './responses.js';
import { type SurfaceSpec } from './surface.js';

export const surfaces: Readonly<Record<Surface, SurfaceSpec>> = {
  'chat.completions': chatCompletions,
  responses,
  messages,
  embeddings,
};
