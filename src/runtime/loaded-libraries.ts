/** Paths of the shared libraries in this process. Takes some milliseconds. */
export function loadedLibraries(): readonly string[] {
  const { report } = process as { report: NodeJS.ProcessReport & { excludeNetwork?: boolean } };
  const before = report.excludeNetwork;
  // Naming the network's peers can take seconds. Node.js 20 knows no such switch.
  report.excludeNetwork = true;
  try {
    return (report.getReport() as unknown as { sharedObjects: string[] }).sharedObjects;
  } finally {
    if (before === undefined) delete report.excludeNetwork;
    else report.excludeNetwork = before;
  }
}
