// Is there still a kernel that would hear a button? It says so once a second (`beat`). Where it has stopped saying so for
// some seconds, or the toolkit knows that it is gone, the board says of what time its figures are and takes the controls
// away, its own and those of the table below it: a button that nobody hears is worse than none.

const LOST_MS = 3500;
const LOOK_MS = 500;

function watchConnection(model, el, tell) {
  let beatAt = Date.now();
  let told = "";

  function words() {
    const page = document.body.dataset.voila || !el.closest(".jp-Notebook");
    const again = page ? "reload the page" : "run the cells again";
    if (el.closest(".jupyter-widgets-disconnected")) {
      return `The kernel was restarted or has ended. What was recorded is safe: ${again} to see it and to go on.`;
    }
    if (Date.now() - beatAt < LOST_MS || !model.get("beat")) return "";
    const at = new Date(beatAt).toLocaleTimeString();
    return `No word from the kernel since ${at}: these figures are as of then. It is busy with another cell, it was`
      + " restarted, or the connection is lost; what was recorded is safe. The controls come back when it answers. If it"
      + ` does not, ${again}.`;
  }

  function look() {
    if (!el.isConnected) return; // taken off the page: what is there now has a board of its own
    const now = words();
    // The table is in another cell, which may have been shown since.
    for (const other of controlsBeside(el)) {
      other.inert = Boolean(now);
      other.classList.toggle("hx-lost", Boolean(now));
    }
    if (now === told) return;
    told = now;
    tell(now);
  }

  function beat() {
    beatAt = Date.now();
    look();
  }
  const timer = setInterval(look, LOOK_MS);
  model.on("change:beat", beat);
  model.on("comm_live_update", look);
  return () => {
    clearInterval(timer);
    model.off("change:beat", beat);
    model.off("comm_live_update", look);
  };
}

// Everything of ours in the same notebook or page but this board itself.
function controlsBeside(el) {
  const scope = el.closest(".jp-Notebook") || document.body;
  return [...scope.querySelectorAll(".hx-page, .hx")].filter((other) => !other.contains(el) && !el.contains(other));
}
