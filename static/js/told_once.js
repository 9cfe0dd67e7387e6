// What an address says was just done is told once: it goes out of the address, so that a reload, or a link that is kept, does not tell it again.

export function toldOnce() {
  const address = new URL(document.location.href);
  if (!address.searchParams.has("done")) return;
  address.searchParams.delete("done");
  history.replaceState(history.state, "", address);
}
