/** A table of cli-table3 without colours and without lines between its rows. */
export const COMPACT = {
  style: { head: [] as string[], border: [] as string[] },
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
};
