"""The workspace room: mirrors, checkouts, what an agent changed in one, and the push. It knows git and no GitHub.

mirror = Mirror(folder, Remote(url, token))
await mirror.fetch()
checkout = await check_out(mirror, await mirror.resolve("main"), place, branch=branch_name(7, "k3f"))
...                                                    # an agent works in checkout.tree
result = await changes(checkout)
sha = await commit(checkout, "Fix it", author=Identity("bot", "bot@example.com"), date=now, result=result)
await push(checkout, mirror.remote, sha, branch_name(7, "k3f"))
await remove(checkout)
"""
