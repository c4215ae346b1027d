/** Permissions mean nothing to root, which CI runs as: gives the rights up while `body` runs. Not for Windows. */
export async function asOrdinaryUser(body: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return body();
  process.seteuid!('nobody');
  try {
    await body();
  } finally {
    process.seteuid!(0);
  }
}
