// `DirectoryStorage` in a folder where things go wrong. For runtimes with a file system, on Linux.
import "./folder-layout.test.mjs";
import "./folder-damage.test.mjs";
import "./folder-reading.test.mjs";
import "./folder-denied.test.mjs";
import "./folder-lost.test.mjs";
import "./folder-touch.test.mjs";
import "./folder-sweep.test.mjs";
import "./folder-full.test.mjs";
import "./folder-shared.test.mjs";
import "./folder-resources.test.mjs";
import "./import.test.mjs";
