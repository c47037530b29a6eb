// Files that come in parts through the widget's own connection, so that they reach a browser wherever the kernel is.
// Every page that shows the widget hears of a file; the one that was used last gets it.

function receive(model) {
  const me = `${Math.random()}`;
  const parts = new Map();
  let used = performance.now();
  const touched = () => (used = performance.now());
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, touched, true);

  function keep(message) {
    const address = URL.createObjectURL(new Blob(parts.get(message.id), { type: message.mime }));
    parts.delete(message.id);
    const link = element("a", "", document.body);
    link.href = address;
    link.download = message.name;
    link.hidden = true;
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }

  function hear(message, buffers) {
    if (message.type === "offer") {
      model.send({ do: "take", id: message.id, who: me, idle: performance.now() - used });
    } else if (message.type === "part" && message.to === me) {
      if (message.at === 0) parts.set(message.id, []);
      if (parts.get(message.id)?.length !== message.at) return;
      parts.get(message.id).push(...buffers);
      if (message.at + 1 === message.of) keep(message);
      model.send({ do: "got", id: message.id, who: me, at: message.at });
    }
  }

  model.on("msg:custom", hear);
  return () => {
    model.off("msg:custom", hear);
    for (const kind of ["pointerdown", "keydown"]) window.removeEventListener(kind, touched, true);
  };
}
