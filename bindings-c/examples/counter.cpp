// Counts in a file together with any number of other processes, C or C++: counter FILE TIMES. See counter.c.
#include <byname.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>

static void add_one(const std::string &path) {
    long count = 0;
    std::ifstream(path) >> count;
    const std::string next = path + ".next";
    std::ofstream file(next);
    file << count + 1 << '\n';
    file.close();
    if (!file || std::rename(next.c_str(), path.c_str()) != 0)
        throw std::runtime_error("cannot write " + path);
}

int main(int argc, char **argv) try {
    if (argc != 3) {
        std::cerr << "usage: counter FILE TIMES\n";
        return 2;
    }
    byname::mutex mutex("counter");
    for (long left = std::stol(argv[2]); left > 0; left--) {
        std::scoped_lock turn(mutex);
        if (mutex.held().abandoned) std::cout << "a process died in its turn; going on\n";
        add_one(argv[1]);
    }
} catch (const std::exception &e) {
    std::cerr << "counter: " << e.what() << '\n';
    return 1;
}
