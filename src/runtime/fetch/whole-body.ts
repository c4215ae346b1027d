import { UserError } from '../../errors.js';
import type { Reply } from './http.js';

/** The body of an answer, whole. Throws UserError saying `tooLong` as soon as there are more bytes than `limit`. */
export async function wholeBody(reply: Reply, limit: number, tooLong: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of reply.chunks()) {
    size += chunk.length;
    if (size > limit) throw new UserError(tooLong);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
