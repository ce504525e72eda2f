// A file that others read while it is written anew: figures for a scraper, a page for a browser.
#pragma once

#include <string>

namespace shmring::os {

// Writes the text beside the path, and renames it: whoever opens the path finds one text, whole. Everybody may read it (0644),
// whatever the umask says. It need not survive a power cut, so nothing is synced. What a process that was killed has left
// beside it is replaced. Returns 0 or −errno; the file is then as it was.
int replace_public(const std::string& path, const std::string& text);
// The same, but who may read it is as the umask says.
int replace_as_umask(const std::string& path, const std::string& text);

}  // namespace shmring::os
