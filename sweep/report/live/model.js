// The exported model: laws with their resamples unpacked from base64.

function unpacked(text, kind) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  return new kind(bytes.buffer);
}

/** {laws: Map of id to law, asked, devices, models} of the page's JSON. */
function modelOf(text) {
  const given = JSON.parse(text);
  return { ...given, laws: new Map(given.laws.map(law => [law.id, lawOf(law)])) };
}

function lawOf(law) {
  const found = { ...law, c: coefficients(law.coefficients), lanes: null, doubt: null };
  if (!law.lanes) return found;
  const { columns, drawn, ...rest } = law.lanes,
    n = rest.lanes;
  const arrays = Object.entries(columns).map(([name, packed]) => [name, unpacked(packed, Float64Array)]);
  found.lanes = Array.from({ length: n }, (_, i) =>
    coefficients(Object.fromEntries(arrays.map(([name, values]) => [name, values[i]]))),
  );
  const counts = drawn && unpacked(drawn, Uint8Array);
  found.doubt = new Doubt({
    ...rest,
    drawn: counts && (counts.length > n * rest.groups ? new Uint16Array(counts.buffer) : counts),
  });
  return found;
}
