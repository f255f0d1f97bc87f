"""hr (Django): form and multipart logins bound to a cookie of an odd name, HTML and JSON, Chinese departments, photos by name, a page
in GBK. The gateway puts it below /hr and cuts that off."""
import json, secrets
import django
from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from werkzeug.serving import WSGIRequestHandler, run_simple
from note import *

H, LIVE = W["hr"], {}
settings.configure(SECRET_KEY=W["secret"], ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__", DEBUG=False, APPEND_SLASH=False, MIDDLEWARE=["__main__.noted"])


def noted(view):
    def run(request):
        e = request.META
        request.note = Note((e["REMOTE_ADDR"], e["REMOTE_PORT"]), request.method, e["REQUEST_URI"])
        request.who = LIVE.get(request.COOKIES.get(H["cookie"]))
        if request.who is None and request.path != H["login"]:
            a = HttpResponseRedirect(H["login"])
        else:
            a = view(request)
        a["X-Served"] = request.note.served
        m = request.resolver_match
        request.note.done("/" + m.route if m else None, a.status_code, len(a.content))
        return a
    return run


def login(q):
    if q.method == "GET":
        return HttpResponse(f"<html><form method=post><input name={H['keys'][0]}><input type=password name={H['keys'][1]}></form></html>")
    u = USERS.get(q.POST.get(H["keys"][0]))
    if not u or u["password"] != q.POST.get(H["keys"][1]):
        return HttpResponse("<html><p class=err>工号或口令不正确</p><form method=post></form></html>")
    t = secrets.token_hex(16)
    LIVE[t] = u["login"]
    a = HttpResponseRedirect("/hr/staff/")
    a.set_cookie(H["cookie"], t, httponly=True)
    return a


def logout(q):
    LIVE.pop(q.COOKIES.get(H["cookie"]), None)
    a = HttpResponseRedirect("/hr" + H["login"])
    a.delete_cookie(H["cookie"])
    return a


def staff(q):
    n, k = q.note, int(q.GET.get("p", 0)) * 8
    rows = "".join(f"<tr><td>E{10000 + p['n']}</td><td>{n('cn-mobile', p['mobile'])}</td><td>{n('email', p['email'])}</td></tr>" for p in PEOPLE[k:k + 8])
    return HttpResponse(f"<html><table><tr><th>工号</th><th>手机</th><th>邮箱</th></tr>{rows}</table></html>")


def profile(q, emp):
    n, p = q.note, PEOPLE[int(emp[1:]) - 10000]
    return JsonResponse({"empNo": emp, "fullName": n("name", p["name"]), "idCardNo": n("cn-id", p["cn_id"]), "birthday": n("birth-date", p["birth"]), "plateNo": n("cn-plate", p["plate"]),
                         "badge": "88" + p["order"][-9:], "salaryAccount": n("bank-card", p["bank"])}, json_dumps_params={"ensure_ascii": False})


def mine(q):
    return JsonResponse({"loginName": q.who, "roles": ["staff"]})


def dept(q, name):
    return JsonResponse({"dept": name, "count": len(name) * 3, "leader": "E10007"}, json_dumps_params={"ensure_ascii": False})


def photo(q, emp, file):
    return HttpResponse(b"\x89PNG\r\n\x1a\n" + secrets.token_bytes(200), content_type="image/png")


def card(q, emp):
    n, p = q.note, PEOPLE[int(emp[1:]) - 10000]
    text = f"<html><body><p>住址：{n('address', p['address'])}</p><p>身份证号：{n('cn-id', p['cn_id'])}</p></body></html>"
    return HttpResponse(text.encode("gbk"), content_type="text/html; charset=GBK")


urlpatterns = [path(H["login"][1:], login), path(H["logout"][1:], logout), path("staff/", staff), path("staff/me", mine), path("staff/<emp>/profile", profile),
               path("staff/<emp>/photo/<file>", photo), path("staff/<emp>/card", card), path("部门/<name>", dept)]
django.setup()
from django.core.wsgi import get_wsgi_application
WSGIRequestHandler.protocol_version = "HTTP/1.1"
run_simple(ADDR, int(PORT), get_wsgi_application(), threaded=True)
